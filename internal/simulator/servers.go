package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"
)

// listen starts all servers.
func (s *Simulator) listen() (err error) {
	own, err := s.certificates.ca.issueServer(certTemplate{hosts: []string{"localhost", "127.0.0.1", "::1"}})
	if err != nil {
		return err
	}
	plain := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	frontTLS := plain
	if s.FrontHTTP {
		frontTLS = nil
	}
	if s.frontURL, _, err = s.startServer(s.FrontAddr, frontTLS, s.frontHandler()); err != nil {
		return fmt.Errorf("start the pages: %w", err)
	}
	if s.listsURL, _, err = s.startServer(s.ListAddr, plain, s.listHandler()); err != nil {
		return fmt.Errorf("start the lists: %w", err)
	}
	if s.backURL, s.backListener, err = s.startServer(s.BackAddr, s.mutualTLS(own), s.backHandler()); err != nil {
		return fmt.Errorf("start the backchannel: %w", err)
	}
	return s.startBadEndpoints(own)
}

// mutualTLS returns the configuration of the backchannel, which requires a certificate of
// the simulator's authority for ClientID.
func (s *Simulator) mutualTLS(own tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		MinVersion:   tls.VersionTLS12,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    s.certificates.ca.pool,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("no client certificate")
			}
			if err := state.PeerCertificates[0].VerifyHostname(s.ClientID); err != nil {
				return fmt.Errorf("the client is not on the list: %w", err)
			}
			return nil
		},
	}
}

// startServer listens, with TLS unless config is nil, and returns the server's URL and its
// listener. No connection is accepted before [Start] has set everything up.
func (s *Simulator) startServer(address string, config *tls.Config, h http.Handler) (string, *listener, error) {
	l, err := listenLoopback(s.ctx, address)
	if err != nil {
		return "", nil, err
	}
	g := &listener{Listener: l}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          log.New(serverLog{s}, "", 0),
		Protocols:         new(http.Protocols), // HTTP/1 only, so that a reset ends one request only
		TLSConfig:         config,
	}
	server.Protocols.SetHTTP1(true)
	s.servers, s.listeners = append(s.servers, server), append(s.listeners, g)
	scheme := "https"
	serve := func() error { return server.ServeTLS(g, "", "") }
	if config == nil {
		scheme = "http"
		serve = func() error { return server.Serve(g) }
	}
	s.serveFuncs = append(s.serveFuncs, func() {
		if err := serve(); !errors.Is(err, http.ErrServerClosed) && s.ctx.Err() == nil {
			s.Log.Error("a server of the simulator ended", "address", l.Addr().String(), "error", err)
		}
	})
	return scheme + "://" + localhostAddr(l.Addr()), g, nil
}

// serverLog records the errors that net/http logs, most of which are failed handshakes.
type serverLog struct{ s *Simulator }

// Write implements [io.Writer].
func (l serverLog) Write(line []byte) (int, error) {
	l.s.Record.addRefusal(string(line))
	l.s.Log.Debug("connection refused", "reason", string(line))
	return len(line), nil
}

// SetDown makes the backchannel of all providers unreachable: new connections are reset
// before the handshake, and open ones at the next request.
func (s *Simulator) SetDown(down bool) { s.backListener.setDown(down) }
