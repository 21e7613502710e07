package medmij

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/provider"
)

// defaultListURL is the pattern of the lists' addresses (Interfaces lijsten), for the
// second major release of the Afsprakenstelsel.
const defaultListURL = "https://stelselnode.medmij.nl/MedMij_%s.xml?api=2"

// defaultUpdateInterval is how often the lists are fetched. How often they must be is
// unconfirmed.
const defaultUpdateInterval = 15 * time.Minute

// defaultServices are the data services that can be sent to ("delen"): measurements,
// documents, answers to questionnaires. All of them speak FHIR STU3.
func defaultServices() []string { return []string{"53", "57", "60"} }

// Config is what the operator has been given, and has chosen.
type Config struct {
	// Lists is the address of a list, with %s for its name: Zorgaanbiederslijst,
	// OAuthclientlist, Whitelist, Gegevensdienstnamenlijst. MedMij's own if empty.
	ListURL string
	// ClientID is the host name of our node, exactly as on the OAuth client list.
	ClientID string
	// Certificate and Key, in PEM, are those of our node: PKIoverheid G1 private.
	Certificate, Key []byte
	// Roots, in PEM, are the authorities of the backchannel's servers, and the only ones.
	Roots []byte
	// ListRoots, in PEM, are those of the list server; Roots if empty.
	ListRoots []byte
	// Folder keeps the last good lists over a restart; memory alone if empty.
	CacheFolder string
	// Refresh is how often the lists are fetched; 15 minutes if 0.
	UpdateInterval time.Duration
	// AllowLoopback admits what a simulator on this machine needs: hosts such as
	// localhost on the lists, and for them http or a port in authorization endpoints.
	AllowLoopback bool
	// Services are the data services that can be sent to; 53, 57 and 60 if empty.
	Services []string
	// SystemRoles is the system role to send to, by data service, where providers list
	// several. The codes of 53, 57 and 60 are unconfirmed, so there is no default.
	SystemRoles map[string]string
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Log hears what an operator should know; nobody if nil.
	Log *slog.Logger
	// ChainLog gets the records of the Logging interface; nobody if nil.
	ChainLog *slog.Logger
}

// withDefaults fills in what was left empty.
func (c Config) withDefaults() Config {
	c.ListURL = cmp.Or(c.ListURL, defaultListURL)
	c.UpdateInterval = cmp.Or(c.UpdateInterval, defaultUpdateInterval)
	if len(c.Services) == 0 {
		c.Services = defaultServices()
	}
	if len(c.ListRoots) == 0 {
		c.ListRoots = c.Roots
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ChainLog == nil {
		c.ChainLog = slog.New(slog.DiscardHandler)
	}
	return c
}

// check finds what cannot work.
func (c Config) check() error {
	r := listReader{c.AllowLoopback}
	if err := r.checkHost(c.ClientID); err != nil {
		return fmt.Errorf("client id %s: %w", quote(c.ClientID), err)
	}
	if strings.Count(c.ListURL, "%s") != 1 {
		return errors.New("address of the lists: it must hold %s once, for the name of a list")
	}
	u, err := url.Parse(c.listURL(nameZAL))
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("address of the lists: not an address")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && c.AllowLoopback && provider.IsLoopback(u.Hostname())) {
		return errors.New("address of the lists: not https")
	}
	if c.UpdateInterval < time.Second {
		return fmt.Errorf("refresh the lists every %v: too often", c.UpdateInterval)
	}
	for _, id := range c.Services {
		if err := checkServiceID(id); err != nil {
			return fmt.Errorf("service %s: %w", quote(id), err)
		}
	}
	return nil
}

func (c Config) listURL(name listName) string {
	return strings.Replace(c.ListURL, "%s", string(name), 1)
}

// ways opens the two ways out: to the servers of the backchannel and to the list
// server. Both show our certificate to whoever asks for one (TLS en certificaten).
func (c Config) newClients() (back, lists *provider.Client, leaf *x509.Certificate, err error) {
	pair, err := tls.X509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("certificate and key: %w", err) // says what is wrong, and nothing of the key
	}
	way := func(what string, pem []byte) (*provider.Client, error) {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in PEM", what)
		}
		// GetClientCertificate rather than Certificates: the latter sends none at all if
		// the server names other authorities, and the refusal would not say why.
		return provider.NewClient(&tls.Config{
			RootCAs:    pool,
			MinVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &pair, nil
			},
		}, c.AllowLoopback, c.Now), nil
	}
	if back, err = way("roots", c.Roots); err != nil {
		return nil, nil, nil, err
	}
	if lists, err = way("roots of the list server", c.ListRoots); err != nil {
		return nil, nil, nil, err
	}
	return back, lists, pair.Leaf, nil
}
