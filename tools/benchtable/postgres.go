package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
)

// postgres is a server of PostgreSQL that was started for this, with the settings of its
// defaults, and so with fsync. It listens on a socket in its folder only.
type postgres struct {
	bin, folder string
	asRoot      bool
}

// openPostgres starts the server. PostgreSQL refuses to run as root, so under root it
// runs as the user postgres, which Debian's package creates.
func openPostgres(ctx context.Context, parent string) (*postgres, error) {
	initdb, err := findInitdb()
	if err != nil {
		return nil, err
	}
	p := &postgres{bin: filepath.Dir(initdb), folder: filepath.Join(parent, "pg"), asRoot: os.Getuid() == 0}
	if err := os.Mkdir(p.folder, 0o700); err != nil {
		return nil, err
	}
	if err := p.giveFolder(); err != nil {
		return nil, err
	}
	err = p.run(ctx, "initdb", "-D", "data", "-U", "bench", "--auth=trust", "-E", "UTF8", "--no-locale")
	if err != nil {
		return nil, fmt.Errorf("%w: PostgreSQL's user has to get into -folder", err)
	}
	return p, p.run(ctx, "pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o",
		"-k "+p.folder+" -c listen_addresses= -c max_connections=200")
}

// findInitdb returns the path of initdb, beside which the other programs are: that in PATH, or the newest that Debian
// has installed.
func findInitdb() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.EvalSymlinks(path)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	newest, best := 0, ""
	for _, path := range found {
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))); err == nil && n > newest {
			newest, best = n, path
		}
	}
	if best == "" {
		return "", fmt.Errorf("%w: no PostgreSQL here: install Debian's package postgresql", errMissing)
	}
	return best, nil
}

// giveFolder makes the folder that of the user as whom PostgreSQL runs.
func (p *postgres) giveFolder() error {
	if !p.asRoot {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("find a user for PostgreSQL, which does not run as root: %w", err)
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	return errors.Join(errUID, errGID, os.Chown(p.folder, uid, gid))
}

// run runs a program of PostgreSQL.
func (p *postgres) run(ctx context.Context, name string, args ...string) error {
	args = append([]string{filepath.Join(p.bin, name)}, args...)
	if p.asRoot {
		args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
	}
	// The server would keep the pipes of the output open, so it goes to a file.
	out, err := os.Create(filepath.Join(filepath.Dir(p.folder), "pg-"+name))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.folder, out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w: %s", name, err, lastLines(string(said)))
	}
	return nil
}

// withDatabase calls do with the URL of a new database, which it removes afterwards.
func (p *postgres) withDatabase(ctx context.Context, do func(url string) (sample, error)) (sample, error) {
	const name = "bench"
	if err := p.run(ctx, "createdb", "-h", p.folder, "-U", "bench", name); err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "postgres", User: url.User("bench"), Path: "/" + name,
		RawQuery: url.Values{"host": {p.folder}}.Encode()}
	s, err := do(u.String())
	ctx = context.WithoutCancel(ctx)
	return s, errors.Join(err, p.run(ctx, "dropdb", "--force", "-h", p.folder, "-U", "bench", name))
}

// stop stops the server.
func (p *postgres) stop() {
	_ = p.run(context.Background(), "pg_ctl", "stop", "-m", "fast", "-D", "data")
}
