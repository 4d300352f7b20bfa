// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"terraform-provider-waldur/internal/waldurtest"
)

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// serial is the serial number of all certificates. It occurs once in each.
var serial = []byte{0x01, 0x5e, 0x1a, 0x15, 0x5e, 0x1a, 0x15, 0x02}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, certificate: &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.certificate = a.sign(t, a.certificate, key)
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// issue returns a certificate for 127.0.0.1, and its key.
func (a *authority) issue(t *testing.T) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return a.sign(t, &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: "leaf"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, key), key
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func certPEM(certificate *x509.Certificate) string { return pemBlock("CERTIFICATE", certificate.Raw) }

func pemBlock(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemBlock("PRIVATE KEY", der)
}

// startGateway serves an in-memory Waldur behind TLS settings of its own.
func startGateway(t *testing.T, waldur *waldurtest.Server, config *tls.Config) string {
	t.Helper()
	target, err := url.Parse(waldur.URL)
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	gateway.TLS, gateway.Config.ErrorLog = config, log.New(io.Discard, "", 0)
	gateway.StartTLS()
	t.Cleanup(gateway.Close)
	return gateway.URL
}

// TestClientCertificates reads from servers that require one, in both versions of TLS,
// which refuse others at different moments.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	gatewayCA, other := newAuthority(t, "Gateway"), newAuthority(t, "Other")
	serverCertificate, serverKey := gatewayCA.issue(t)
	certificate, key := gatewayCA.issue(t)
	stranger, strangerKey := other.issue(t)
	server := waldurtest.Start(t, waldurtest.ContractRows())
	windows := func(text string) string { return strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\r\n"), "\n") }
	for version, number := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		address := startGateway(t, server, &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{serverCertificate.Raw}, PrivateKey: serverKey}}, MaxVersion: number,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: gatewayCA.pool(),
		})
		lenient := startGateway(t, server, &tls.Config{ // names no authority, so clients send any certificate
			Certificates: []tls.Certificate{{Certificate: [][]byte{serverCertificate.Raw}, PrivateKey: serverKey}}, MaxVersion: number,
			ClientAuth:            tls.RequireAnyClientCert,
			VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return x509.UnknownAuthorityError{} },
		})
		for name, test := range map[string]struct {
			address, cert, key string
			parts              []string
		}{
			"right":               {address, certPEM(certificate), keyPEM(t, key), nil},
			"with an authority":   {address, certPEM(certificate) + certPEM(gatewayCA.certificate), keyPEM(t, key), nil},
			"Windows":             {address, windows(certPEM(certificate)), windows(keyPEM(t, key)), nil},
			"joined":              {address, strings.TrimSpace(certPEM(certificate)) + certPEM(gatewayCA.certificate), keyPEM(t, key), nil},
			"key behind it":       {address, certPEM(certificate), certPEM(certificate) + keyPEM(t, key), nil},
			"byte order marks":    {address, "\ufeff" + certPEM(certificate), "\ufeff" + keyPEM(t, key), nil},
			"none":                {address, "", "", []string{"The server requires a client certificate: ", "Set client_cert_pem in the provider block", "and client_key_pem to its key."}},
			"another authority":   {address, certPEM(stranger), keyPEM(t, strangerKey), []string{"The server did not accept the client certificate: ", "client_cert_pem"}},
			"one that is refused": {lenient, certPEM(stranger), keyPEM(t, strangerKey), []string{"The server did not accept the client certificate: ", "certificate", "trusts the authority of the certificate in client_cert_pem"}},
		} {
			t.Run(version+", "+name, func(t *testing.T) {
				t.Parallel()
				arguments := map[string]tftypes.Value{
					"url": text(test.address), "token": text(waldurtest.Token), "ca_cert_pem": text(certPEM(gatewayCA.certificate)),
				}
				if test.cert != "" {
					arguments["client_cert_pem"], arguments["client_key_pem"] = text(test.cert), text(test.key)
				}
				c := newProtocolClient(t)
				if diags := c.configure(arguments); len(diags) > 0 {
					t.Fatal(describe(diags))
				}
				_, diags := c.read(t.Context(), nil)
				if test.parts == nil {
					if hasError(diags) {
						t.Fatal(describe(diags))
					}
					return
				}
				want := append([]string{"Client Certificate Not Accepted: "}, test.parts...)
				if version == "TLS 1.2" && name == "none" { // its alert does not say more
					want = []string{"TLS Handshake Refused by Server: ", "may require a client certificate that it trusts: check client_cert_pem"}
				}
				if !reported(diags, tfprotov6.DiagnosticSeverityError, "", want...) {
					t.Fatalf("want %q, got %s", want, describe(diags))
				}
				if strings.Contains(describe(diags), "attempts") {
					t.Errorf("it was tried again: %s", describe(diags))
				}
				checkAnatomy(t, diags[0])
			})
		}
	}
}

// TestBadClientCertificates are errors at the argument, without the key.
func TestBadClientCertificates(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "Gateway")
	certificate, key := ca.issue(t)
	_, otherKey := ca.issue(t)
	cert, right, wrong := certPEM(certificate), keyPEM(t, key), keyPEM(t, otherKey)
	legacy := strings.Replace(pemBlock("EC PRIVATE KEY", []byte("5ecre7 and more")), "-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1)
	for name, test := range map[string]struct{ cert, key, at, part string }{
		"the certificate alone":   {cert, "", "client_cert_pem", "client_cert_pem must be set together with client_key_pem."},
		"the key alone":           {"", right, "client_key_pem", "client_key_pem must be set together with client_cert_pem."},
		"another key":             {cert, wrong, "client_key_pem", "client_key_pem is not the key of the certificate in client_cert_pem, or cannot be read."},
		"a damaged key":           {cert, pemBlock("PRIVATE KEY", []byte("5ecre7")), "client_key_pem", "cannot be read."},
		"an encrypted key":        {cert, pemBlock("ENCRYPTED PRIVATE KEY", []byte("5ecre7")), "client_key_pem", "client_key_pem must not be encrypted; decrypt the key first"},
		"an older encrypted key":  {cert, legacy, "client_key_pem", "must not be encrypted"},
		"two keys":                {cert, right + wrong, "client_key_pem", "client_key_pem must contain one private key; it has 2."},
		"a certificate for a key": {cert, cert, "client_key_pem", "must contain one private key; it has 0."},
		"a key for a certificate": {right, right, "client_cert_pem", "client_cert_pem must contain only certificates; block 1 is a PRIVATE KEY."},
		"both in one":             {cert + right, right, "client_cert_pem", "block 2 is a PRIVATE KEY."},
		"names of files":          {"client.pem", right, "client_cert_pem", `client_cert_pem must be text in PEM format, not the name of a file; to read a file, use file("NAME").`},
		"a name of a key's file":  {cert, "client.key", "client_key_pem", "not the name of a file"},
		"no PEM":                  {cert, "5ecre7\n5ecre7\n", "client_key_pem", "client_key_pem must be text in PEM format; it has no line that begins with -----BEGIN"},
		"an empty certificate":    {"", right, "client_key_pem", "must be set together"},
		"a key that is cut":       {cert, right[:len(right)/2], "client_key_pem", "client_key_pem has a damaged block 1, which is not valid PEM."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arguments := map[string]tftypes.Value{"url": text("https://waldur.example.com"), "token": text(waldurtest.Token)}
			if test.cert != "" {
				arguments["client_cert_pem"] = text(test.cert)
			}
			if test.key != "" {
				arguments["client_key_pem"] = text(test.key)
			}
			diags := newProtocolClient(t).configure(arguments)
			if !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, test.part) {
				t.Errorf("want an error at %s with %q, got %s", test.at, test.part, describe(diags))
			}
			shown := describe(diags)
			for _, secret := range append(strings.Split(right+wrong, "\n"), "5ecre7") {
				if secret != "" && !strings.Contains(secret, "PRIVATE KEY") && strings.Contains(shown, secret) {
					t.Errorf("the key shows: %s", shown)
				}
			}
		})
	}
}

// TestCertificatesOfAuthorities: nothing is dropped silently.
func TestCertificatesOfAuthorities(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "Lab"), newAuthority(t, "Other")
	serverCertificate, serverKey := ca.issue(t)
	right, second := certPEM(ca.certificate), certPEM(other.certificate)
	address := startGateway(t, waldurtest.Start(t, nil), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{serverCertificate.Raw}, PrivateKey: serverKey}}})
	lines := strings.SplitAfter(right, "\n")
	damaged := strings.Join(append(lines[:3:3], lines[4:]...), "")
	negative := pemBlock("CERTIFICATE", bytes.Replace(ca.certificate.Raw, serial, append([]byte{0x81}, serial[1:]...), 1))
	for name, test := range map[string]struct{ pem, part string }{
		"one":                          {right, ""},
		"two":                          {second + right, ""},
		"Windows":                      {strings.ReplaceAll(second+right, "\n", "\r\n"), ""},
		"a byte order mark":            {"\ufeff" + right, ""},
		"two byte order marks":         {"\ufeff" + second + "\ufeff" + right, ""},
		"texts between":                {"Subject: CN=Other\n" + second + "\n# Lab\n" + right + "the end\n", ""},
		"a damaged block first":        {damaged + second, "ca_cert_pem has a"},
		"a block that is cut":          {right + second[:len(second)/2], "ca_cert_pem has a damaged block 2, which is not valid PEM."},
		"a block cut within":           {second[:len(second)/2] + "\n" + right, "ca_cert_pem has a damaged block 1, which is not valid PEM."},
		"a block without its begin":    {strings.Join(lines[1:], "") + second, "ca_cert_pem has a damaged block, without a line that begins with -----BEGIN."},
		"a second without its begin":   {second + strings.Join(lines[1:], ""), "ca_cert_pem has a damaged block, without a line"},
		"a dash too few":               {second + right[1:], "ca_cert_pem has a damaged block, without a line"},
		"a negative serial number":     {second + negative, "ca_cert_pem has a certificate in block 2 that cannot be read (negative serial number)."},
		"a key":                        {right + keyPEM(t, ca.key), "ca_cert_pem must contain only certificates; block 2 is a PRIVATE KEY."},
		"OpenSSL's own form":           {pemBlock("TRUSTED CERTIFICATE", ca.certificate.Raw), "block 1 is a TRUSTED CERTIFICATE."},
		"a request":                    {pemBlock("CERTIFICATE REQUEST", nil), "block 1 is a CERTIFICATE REQUEST."},
		"the name of a file":           {"ca.pem", `not the name of a file; to read a file, use file("NAME").`},
		"a file of one line":           {"MIIB\n", "ca_cert_pem must be text in PEM format; it has no line that begins with -----BEGIN"},
		"Windows, without the last":    {strings.TrimSuffix(strings.ReplaceAll(second+right, "\n", "\r\n"), "\n"), ""},
		"joined without a line break":  {strings.TrimSpace(second) + right, ""},
		"joined, of Windows":           {strings.TrimSpace(strings.ReplaceAll(second, "\n", "\r\n")) + right, ""},
		"spaces for line breaks":       {strings.ReplaceAll(second+right, "\n", " "), `damaged block 1, which is not valid PEM: it has spaces in place of line breaks. To repair it, use replace(replace(…, "----- ", "-----\n"), " -----", "\n-----").`},
		"these, repaired":              {strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(second+right, "\n", " "), "----- ", "-----\n"), " -----", "\n-----"), ""},
		"line breaks that are escaped": {strings.ReplaceAll(right, "\n", `\n`), `damaged block 1, which is not valid PEM: it has the characters \n in place of line breaks. To repair it, use replace(…, "\\n", "\n").`},
		"no line breaks":               {strings.ReplaceAll(right, "\n", ""), "has a damaged block 1, which is not valid PEM."},
		"base64":                       {base64.StdEncoding.EncodeToString([]byte(right)) + "\n", "ca_cert_pem must be text in PEM format, not in base64; to decode it, use base64decode(…)."},
		"base64 of a small text":       {base64.StdEncoding.EncodeToString([]byte(right))[:200], "not in base64"},
		"nothing":                      {"", "must be text in PEM format; it has no line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newProtocolClient(t)
			diags := c.configure(map[string]tftypes.Value{"url": text(address), "token": text(waldurtest.Token), "ca_cert_pem": text(test.pem)})
			if test.part == "" && !hasError(diags) {
				_, diags = c.read(t.Context(), nil)
			}
			if test.part == "" && len(diags) > 0 || test.part != "" && !reported(diags, tfprotov6.DiagnosticSeverityError, "ca_cert_pem", test.part) {
				t.Errorf("want %q, got %s", test.part, describe(diags))
			}
			if key := strings.Split(keyPEM(t, ca.key), "\n")[1]; strings.Contains(describe(diags), key) {
				t.Errorf("the key shows: %s", describe(diags))
			}
		})
	}
}
