package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

type serveCmd struct {
	stores
	providerFlags
	Listen              string        `help:"Address to listen on." default:"127.0.0.1:8080" env:"CARREL_LISTEN"`
	PublicURL           string        `help:"Public URL of this server, such as https://library.example.org. Default: http:// and the address." env:"CARREL_PUBLIC_URL"`
	AllowHTTP           bool          `name:"allow-http" help:"Allow a public URL without TLS on another host than this machine: only on a network where nobody else is." env:"CARREL_ALLOW_HTTP"`
	Operator            string        `help:"Your name; the pages say who runs the site." default:"This Carrel" env:"CARREL_OPERATOR"`
	TLSCert             string        `help:"Certificate chain in PEM. Without it, put a TLS proxy in front." env:"CARREL_TLS_CERT" type:"path"`
	TLSKey              string        `help:"Private key of the certificate." env:"CARREL_TLS_KEY" type:"path"`
	BehindProxy         bool          `help:"Take visitors' addresses from X-Forwarded-For. Only behind a proxy that sets it." env:"CARREL_BEHIND_PROXY"`
	MaxConnections      int           `help:"Most connections at once; 0 for 8192, or fewer if the process may open few files." default:"0" env:"CARREL_MAX_CONNECTIONS"`
	MaxPerAddress       int           `name:"max-connections-per-address" help:"Most connections at once from one address, or with --behind-proxy requests; 0 for a quarter of all." default:"0" env:"CARREL_MAX_CONNECTIONS_PER_ADDRESS"`
	AccessTokenLifetime time.Duration `help:"Lifetime of an access token." default:"24h" env:"CARREL_ACCESS_TOKEN_LIFETIME" positive:""`
	GrantLifetime       time.Duration `name:"refresh-token-lifetime" help:"Lifetime of a consent and its refresh token, if the contract does not say." default:"4320h" env:"CARREL_REFRESH_TOKEN_LIFETIME" positive:""`
	DeleteWait          time.Duration `help:"How long a deleted library can be restored." default:"168h" env:"CARREL_DELETE_WAIT"`
	MaxFileSize         byteSize      `help:"Largest file that may be pushed, with a unit, such as 500MB; 0 for no limit." default:"0" env:"CARREL_MAX_FILE_SIZE"`
	StorageQuota        byteSize      `help:"Most bytes in the storage of an app for a person; 0 for no limit." default:"1GB" env:"CARREL_STORAGE_QUOTA"`
	StorageQuotaFiles   int64         `help:"Most files in the storage of an app for a person; 0 for no limit." default:"10000" env:"CARREL_STORAGE_QUOTA_FILES"`
	SealEach            bool          `help:"Seal the key of each file by itself. By default small files that are pushed into a library within a minute share a secret in memory, which is faster." env:"CARREL_SEAL_EACH"`
	CloudTokensOnce     bool          `name:"storage-tokens-once" help:"Refuse a token of the file storage that was used before; clients that repeat a failed call with the same token then fail." env:"CARREL_STORAGE_TOKENS_ONCE"`
	Legacy              bool          `help:"Serve clients of earlier generations: the Node SDK 5 to 8 and the Android SDK 4, and all of the Node SDK 9 and 10. Whoever has the key of a session that one of them has started can then read with it." env:"CARREL_LEGACY"`
	LibraryQuota        byteSize      `help:"Most bytes in one library, with a unit, such as 10GB; 0 for no limit." default:"10GB" env:"CARREL_LIBRARY_QUOTA"`
	LibraryQuotaFiles   int64         `help:"Most files in one library; 0 for no limit." default:"1000000" env:"CARREL_LIBRARY_QUOTA_FILES"`
	ApplicationQuota    sizeOrShare   `help:"Most bytes that one application stores in all libraries: a size, or a share of the disk of large contents; 0 for no limit." default:"50%" env:"CARREL_APPLICATION_QUOTA"`
	ApplicationFiles    *int64        `name:"application-quota-files" help:"Most files that one application stores in all libraries; 0 for no limit. Default: one for each 16 KiB of the share of the disk." env:"CARREL_APPLICATION_QUOTA_FILES"`
	ContractQuota       byteSize      `help:"Most bytes that are stored with one contract in all libraries; 0 for no limit." default:"0" env:"CARREL_CONTRACT_QUOTA"`
	ContractQuotaFiles  int64         `help:"Most files that are stored with one contract in all libraries; 0 for no limit." default:"0" env:"CARREL_CONTRACT_QUOTA_FILES"`
	FreeSpaceReserve    sizeOrShare   `help:"What pushes leave free on the disks: a size, or a share of each disk; 0 for nothing. Default: 2% of the disk, at most 1GiB." env:"CARREL_FREE_SPACE_RESERVE"`
	Closed              bool          `help:"Refuse new libraries." env:"CARREL_CLOSED"`
	Catalogue           string        `help:"JSON file of the sources and services that people can connect; docs/catalogue.md. Default: the built-in one." env:"CARREL_CATALOGUE" type:"path"`
	DeliveryTimeout     time.Duration `help:"Time limit of an attempt to deliver to a provider; MedMij gives a provider 60 seconds." default:"65s" env:"CARREL_DELIVERY_TIMEOUT" positive:""`
	DeliveryRetry       time.Duration `help:"Time until a failed attempt is repeated, about; it doubles up to 15 minutes." default:"5s" env:"CARREL_DELIVERY_RETRY" positive:""`
	DeliveryKeep        time.Duration `help:"How long delivery of a resource is attempted." default:"24h" env:"CARREL_DELIVERY_KEEP" positive:""`
	SampleDataDelay     time.Duration `help:"How long each file of sample data takes, as if its source were slow." default:"0s" env:"CARREL_SAMPLE_DATA_DELAY"`
	LogFormat           string        `help:"Format of the log: text or json." enum:"text,json" default:"text" env:"CARREL_LOG_FORMAT"`
}

// Help is what --help adds.
func (serveCmd) Help() string {
	return `Example:

  carrel serve --public-url https://library.example.org --data /var/lib/carrel \
      --master-key-file /etc/carrel/master.key --operator "Example Hosting"

CARREL_MASTER_KEYS can have the text of the master keys, in place of a file. docs/operating.md has every setting.`
}

// Run serves until the context ends.
func (c *serveCmd) Run(ctx context.Context) (err error) {
	log := newLog(c.LogFormat)
	defer logStopping(ctx, log)()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // from the start, so that one that comes early does not kill
	defer signal.Stop(hangups)
	if strings.TrimSpace(c.Operator) == "" {
		return errors.New("--operator (CARREL_OPERATOR) is empty: give your name, which the pages show")
	}
	if err := c.makeFolder(); err != nil {
		return err
	}
	certificate, err := c.certificate()
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return explainListen(c.Listen, err)
	}
	public, err := c.publicURL(l.Addr())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	tune(c.database())
	started := collectLess()
	config := server.Config{
		PublicURL: public, AllowHTTP: c.AllowHTTP, Database: c.database(), Blobs: c.blobs(),
		Keyring: c.masterKeyFile(), MasterKeys: []byte(os.Getenv("CARREL_MASTER_KEYS")), Operator: c.Operator,
		AccessTokenLifetime: c.AccessTokenLifetime, GrantLifetime: c.GrantLifetime, DeleteWait: c.DeleteWait,
		MaxFileSize:  int64(c.MaxFileSize),
		StorageQuota: library.Quota{Bytes: int64(c.StorageQuota), Files: c.StorageQuotaFiles},
		SealEach:     c.SealEach, CloudTokensOnce: c.CloudTokensOnce, Legacy: c.Legacy,
		NoNewLibraries: c.Closed, BehindProxy: c.BehindProxy, Log: log,
		MaxConnections: c.MaxConnections, MaxConnectionsPerAddress: c.MaxPerAddress,
		Catalogue: c.Catalogue, SampleDataDelay: c.SampleDataDelay,
		Quotas: c.quotas(), ApplicationPercent: c.ApplicationQuota.percent,
		ApplicationFiles: c.ApplicationFiles == nil, FreeSpaceReserve: c.reserve(),
		Deliveries: delivery.QueueConfig{
			AttemptTimeout: c.DeliveryTimeout, FirstRetry: c.DeliveryRetry, Lifetime: c.DeliveryKeep,
		},
	}
	done, err := c.providerFlags.open(c.folder(), &config)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, done()) }()
	s, err := server.Open(ctx, config)
	started()
	if err != nil && ctx.Err() != nil { // also if a signal is not the cause: what was begun goes on at the next start
		log.Info("stopped before it has started", "error", err)
		return l.Close()
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	_ = os.Unsetenv("CARREL_MASTER_KEYS")
	log.Info("serving", "version", readVersion().Version, "address", l.Addr().String(), "publicURL", public,
		"data", c.folder())
	var secure *tls.Config
	if certificate != nil {
		secure = certificate.Config()
		go certificate.WarnDaily(ctx, log)
	}
	go c.reloadOn(ctx, hangups, certificate, s, log)
	if err := errors.Join(s.Serve(ctx, l, secure), s.Close()); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// quotas returns the quotas of the settings, without the share of a disk.
func (c *serveCmd) quotas() library.QuotaConfig {
	q := library.QuotaConfig{
		Library:     library.Quota{Files: c.LibraryQuotaFiles, Bytes: int64(c.LibraryQuota)},
		Application: library.Quota{Bytes: int64(c.ApplicationQuota.bytes)},
		Contract:    library.Quota{Files: c.ContractQuotaFiles, Bytes: int64(c.ContractQuota)},
	}
	if c.ApplicationFiles != nil {
		q.Application.Files = *c.ApplicationFiles
	}
	return q
}

// reserve returns the reserve of free space.
func (c *serveCmd) reserve() server.Reserve {
	if !c.FreeSpaceReserve.given {
		return server.Reserve{Bytes: 1 << 30, Percent: 2}
	}
	return server.Reserve{Bytes: int64(c.FreeSpaceReserve.bytes), Percent: c.FreeSpaceReserve.percent}
}

// logStopping logs that the context ends, which a signal does. The function that it returns ends that.
func logStopping(ctx context.Context, log *slog.Logger) (end func()) {
	logged := make(chan struct{})
	unregister := context.AfterFunc(ctx, func() {
		log.Info("stopping", "reason", "a signal")
		close(logged)
	})
	return func() {
		if !unregister() {
			<-logged
		}
	}
}

// publicURL returns the normalised public URL: that of the settings, or of the listener.
func (c *serveCmd) publicURL(listener net.Addr) (string, error) {
	text := c.PublicURL
	if text == "" {
		text = urlOf(listener)
	}
	u, err := server.ParsePublicURL(text, c.AllowHTTP)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// urlOf returns the URL of a listener as seen from this machine.
func urlOf(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && t.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", t.Port)
	}
	return "http://" + a.String()
}

// certificate returns the certificate of the server; nil if it has none.
func (c *serveCmd) certificate() (*server.Certificate, error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return nil, errors.New("--tls-cert (CARREL_TLS_CERT) and --tls-key (CARREL_TLS_KEY) go together: " +
			"give both, or neither")
	}
	if c.TLSCert == "" {
		return nil, nil
	}
	return server.OpenCertificate(c.TLSCert, c.TLSKey)
}

func newLog(format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// Settings of the Go runtime for a small server; GOMAXPROCS and GOGC override them.
const (
	// fewCores is the largest number of cores at which one more thread helps: one thread
	// mostly waits for SQLite's disk, and would block another (measured: 15 to 30 % more
	// pushes on two cores).
	fewCores = 4
	// gcPercent limits memory to 1.5 times what is in use, instead of twice, so that
	// twenty large files at once fit into 64 MiB. It costs about 1 % of a push.
	gcPercent = 50
	// startPercent is for a start: most of what it allocates stays, and to collect in between took half of its time.
	startPercent = 400
)

// collectLess lets the heap grow, and returns the function that ends that.
func collectLess() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(startPercent)
	return func() { debug.SetGCPercent(before) }
}

func tune(database string) {
	if os.Getenv("GOMAXPROCS") == "" && !strings.HasPrefix(database, "postgres") && runtime.NumCPU() <= fewCores {
		runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
