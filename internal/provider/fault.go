package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
)

// Fault is why a request got no answer. Its text is one of a few sentences and
// repeats nothing of the request or of what came back.
type Fault struct {
	// Sent says that something of the request may have reached the server.
	Sent bool
	// Timeout says that the time was up.
	Timeout bool
	Reason  string
}

// What keeps a request from being answered. docs/providers.md says of each what became
// of the request, and what to do.
const (
	badAddress = iota
	notHTTPS
	noSuchHost
	noConnectionInTime
	noConnection
	otherHost
	otherAuthority
	expiredCertificate
	badCertificate
	ourCertificate
	notTLS
	brokenHandshake
	noHandshakeInTime
	noHandshake
	noTime
	closedBefore
	noAnswerInTime
	badAnswer
	noAnswer
)

// reasons are the sentences of all of them.
var reasons = [...]string{
	badAddress:         "the address cannot be used",
	notHTTPS:           "the address is not https",
	noSuchHost:         "the host name cannot be resolved",
	noConnectionInTime: "the server cannot be reached in time",
	noConnection:       "the server cannot be reached",
	otherHost:          "the server's certificate is for another host",
	otherAuthority:     "the server's certificate is of an authority that is not trusted",
	expiredCertificate: "the server's certificate has expired, or is not valid yet",
	badCertificate:     "the server's certificate is not valid",
	ourCertificate:     "the server does not take our certificate",
	notTLS:             "the server does not speak TLS",
	brokenHandshake:    "the server broke off the TLS handshake",
	noHandshakeInTime:  "the server did not finish the TLS handshake in time",
	noHandshake:        "the TLS handshake with the server failed",
	noTime:             "there was no time to send it",
	closedBefore:       "the connection was closed before the request was sent",
	noAnswerInTime:     "the server did not answer in time",
	badAnswer:          "the answer is not HTTP, or was cut off",
	noAnswer:           "the connection was cut before the server answered",
}

// Error implements error.
func (f *Fault) Error() string { return f.Reason }

// refusal says in a few words why there was no connection.
func refusal(at stage, err error) string {
	if at != stageHandshake {
		var name *net.DNSError
		switch {
		case errors.As(err, &name):
			return reasons[noSuchHost]
		case timeout(err):
			return reasons[noConnectionInTime]
		}
		return reasons[noConnection]
	}
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		any     *tls.CertificateVerificationError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &host):
		return reasons[otherHost]
	case errors.As(err, &unknown):
		return reasons[otherAuthority]
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return reasons[expiredCertificate]
	case errors.As(err, &any):
		return reasons[badCertificate]
	case ourCertificateRefused(err):
		return reasons[ourCertificate] + " (" + alertText(err) + ")"
	case errors.As(err, &record):
		return reasons[notTLS]
	case alertText(err) != "":
		return reasons[brokenHandshake] + " (" + alertText(err) + ")"
	case timeout(err):
		return reasons[noHandshakeInTime]
	}
	return reasons[noHandshake]
}

func timeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// alertText is the alert by which the other side broke off, "" if it sent none. The
// type of a received alert is private to crypto/tls; its text is not.
func alertText(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" && op.Err != nil {
		return op.Err.Error()
	}
	return ""
}

// certificateAlerts are those by which a server turns down a client's certificate
// (RFC 8446, section 6.2). Each of them ends the handshake.
var certificateAlerts = func() (texts []string) {
	const (
		certificateBad         = 42
		unsupportedCertificate = 43
		certificateRevoked     = 44
		certificateExpired     = 45
		certificateUnknown     = 46
		unknownCA              = 48
		accessDenied           = 49
		certificateRequired    = 116
	)
	for _, a := range []tls.AlertError{
		certificateBad, unsupportedCertificate, certificateRevoked, certificateExpired,
		certificateUnknown, unknownCA, accessDenied, certificateRequired,
	} {
		texts = append(texts, a.Error())
	}
	return texts
}()

func ourCertificateRefused(err error) bool {
	return slices.Contains(certificateAlerts, alertText(err))
}
