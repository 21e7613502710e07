package bench

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// Config says what is measured of a Carrel, and how it is loaded.
type Config struct {
	Load
	// Size is the size of a file in bytes.
	Size int
	// Libraries is how many there are, which the requests are for at random.
	Libraries int
	// EachOnce gives each request of a push a library of its own, so that no library gets two files.
	EachOnce bool
	// Files is how many files there are at the beginning, in all; zero for what the scenario needs. Largest is how many
	// of them are in one library; zero for as many as in the others.
	Files, Largest int
	// Session lists files as an application does: the whole list of a session, in place of a page of a person's.
	Session bool
	// Database is the URL of an empty PostgreSQL database; empty for SQLite.
	Database string
	// Keep is a folder in which the data stays, for later runs; empty for a temporary one.
	Keep string
	// SealEach is the server's setting of that name.
	SealEach bool

	// Server is the URL of a server that runs; empty to start one. Credentials are what it is called with.
	Server      string
	Credentials []Credential
}

// Credential is what a contract and a person's consent to it let an application do.
type Credential struct {
	Client wire.ClientID
	Key    *rsa.PrivateKey
	// Access is that of the contract: [wire.AccessRead] or [wire.AccessWrite].
	Access string
	User   *digime.User
}

// maxRun is how long the requests of a run can be valid: see signAhead.
const maxRun = 8 * time.Minute

// check returns an error if the configuration contradicts itself.
func (c Config) check() error {
	if err := c.Load.Check(); err != nil {
		return err
	}
	switch {
	case c.Size < 0:
		return errors.New("--size: want a number of bytes")
	case c.Libraries < 1:
		return errors.New("--libraries: want at least 1 library")
	case c.Files < 0 || c.Largest < 0:
		return errors.New("--files and --largest: want numbers of files")
	case c.Largest > c.Files && c.Files > 0:
		return errors.New("--largest is above --files, which counts the files of all libraries")
	case c.Rate > 0 && time.Duration(float64(c.Requests)/c.Rate*float64(time.Second)) > maxRun:
		return fmt.Errorf("%d requests at a rate of %g a second take longer than %v, for which their signatures are "+
			"valid: send fewer", c.Requests, c.Rate, maxRun)
	}
	if c.Server == "" {
		return nil
	}
	switch {
	case len(c.Credentials) == 0:
		return errors.New("--server: give the credentials that it is called with, by --credentials")
	case c.Database != "" || c.Keep != "" || c.SealEach || c.EachOnce || c.Files > 0 || c.Largest > 0:
		return errors.New("--server: leave out --database, --keep, --seal-each, --rare, --files and --largest: they " +
			"are for the server that the command starts by itself")
	}
	return nil
}

// carrel is the Carrel that a scenario measures.
type carrel interface {
	// target returns where the server is.
	target() Target
	// writers returns who may push.
	writers() ([]holder, error)
	// readFiles returns n files to read, at random.
	readFiles(ctx context.Context, n int) ([]sessionFile, error)
	// sessions returns sessions, each with the number of the files that it lists; that is 0 if it is not known.
	sessions(ctx context.Context, n int) ([]listedSession, error)
	// pages returns n pages of people's lists of files, at random.
	pages(ctx context.Context, n int) ([]page, error)
	// codes returns n authorization codes.
	codes(ctx context.Context, n int) ([]authCode, error)
	// refreshTokens returns n of them, which differ if the server can make them.
	refreshTokens(ctx context.Context, n int) ([]refreshToken, error)
	// serve is called when everything has been prepared.
	serve(ctx context.Context) error
	close() error
}

// A holder has a person's consent to a contract.
type holder struct {
	*signer
	accessToken string
}

// A sessionFile is a file that can be read in a session.
type sessionFile struct {
	holder
	session string
	name    wire.FileName
	size    int64 // -1 if it is not known
}

// A listedSession is a session whose files can be listed.
type listedSession struct {
	holder
	session string
	files   int // at least so many
}

// A page is a page of a person's list of files.
type page struct {
	cookie string
	query  string
}

type authCode struct {
	*signer
	code, verifier string
}

type refreshToken struct {
	*signer
	token string
}

// needs says what a scenario needs of a server that is started for it.
type needs struct {
	reads bool // consents to a read contract
	files int  // at the beginning, unless the configuration says how many
}

// measure runs a scenario of Carrel.
func measure(
	ctx context.Context, c Config, n needs, progress func(string), scenario func(Config, carrel) Scenario,
) (r Result, err error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	var of carrel
	if c.Server != "" {
		of, err = openOther(c)
	} else {
		if c.EachOnce {
			c.Libraries = max(c.Libraries, c.Requests)
		}
		var own *ownServer
		if own, err = openOwn(ctx, c, n, progress); err == nil {
			c.Folder, of = own.folder, own
		}
	}
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if closed := of.close(); err == nil {
			err = closed
		}
	}()
	r, err = Run(ctx, c.Load, of.target(), served{scenario(c, of), of}, progress)
	r.Server = c.Server
	return r, err
}

// served is a scenario whose server begins to serve once its requests have been prepared.
type served struct {
	Scenario
	carrel carrel
}

// Requests prepares the requests, and begins to serve.
func (s served) Requests(ctx context.Context, n int, progress func(string)) ([]Request, error) {
	requests, err := s.Scenario.Requests(ctx, n, progress)
	if err != nil {
		return nil, err
	}
	return requests, s.carrel.serve(ctx)
}
