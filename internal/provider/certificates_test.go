package provider

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
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

// serial is the serial number of certificates. It occurs once in each.
var serial = []byte{0x01, 0x5e, 0x1a, 0x15, 0x5e, 0x1a, 0x15, 0x02}

// newCertificate returns a certificate that its own key signed.
func newCertificate(t *testing.T) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: new(big.Int).SetBytes(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
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

func joined(text string) string  { return strings.TrimSpace(text) }
func windows(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// TestAClientCertificateIsSent to a server that ca_cert_pem trusts.
func TestAClientCertificateIsSent(t *testing.T) {
	t.Parallel()
	target, err := url.Parse(waldurtest.Start(t, nil).URL)
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan []*x509.Certificate, 1)
	forward := httputil.NewSingleHostReverseProxy(target)
	gateway := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received <- r.TLS.PeerCertificates
		forward.ServeHTTP(w, r)
	}))
	gateway.TLS, gateway.Config.ErrorLog = &tls.Config{ClientAuth: tls.RequireAnyClientCert}, log.New(io.Discard, "", 0)
	gateway.StartTLS()
	t.Cleanup(gateway.Close)
	certificate, key := newCertificate(t)
	arguments := map[string]tftypes.Value{"url": text(gateway.URL), "token": text(waldurtest.Token), "ca_cert_pem": text(certPEM(gateway.Certificate()))}
	read := func() []*tfprotov6.Diagnostic {
		c := newProtocolClient(t)
		if diags := c.configure(arguments); len(diags) > 0 {
			t.Fatal(describe(diags))
		}
		_, diags := c.read(t.Context(), nil)
		return diags
	}
	if diags := read(); !reported(diags, tfprotov6.DiagnosticSeverityError, "", "Client Certificate Not Accepted: The server requires a client certificate: ", "Set client_cert_pem") {
		t.Errorf("without a certificate: %s", describe(diags))
	}
	arguments["client_cert_pem"], arguments["client_key_pem"] = text(certPEM(certificate)), text(keyPEM(t, key))
	if diags := read(); len(diags) > 0 {
		t.Fatal(describe(diags))
	}
	if got := <-received; len(got) != 1 || !got[0].Equal(certificate) {
		t.Errorf("the server got %d certificates", len(got))
	}
}

// TestClientCertificatesOfEachForm are a pair with their key.
func TestClientCertificatesOfEachForm(t *testing.T) {
	t.Parallel()
	certificate, key := newCertificate(t)
	other, _ := newCertificate(t)
	cert, second, right := certPEM(certificate), certPEM(other), keyPEM(t, key)
	for name, test := range map[string]struct {
		cert, key string
		want      int // certificates
	}{
		"right": {cert, right, 1}, "with an authority": {cert + second, right, 2}, "Windows": {joined(windows(cert)), joined(windows(right)), 1},
		"joined": {joined(cert) + second, right, 2}, "key behind it": {cert, cert + right, 1}, "key behind it, joined": {cert, joined(cert) + right, 1},
		"byte order marks": {"\ufeff" + cert, "\ufeff" + right, 1},
	} {
		pair, err := clientCertificate(test.cert, test.key)
		_, certErr := parseCertificates(test.cert)
		_, keyErr := parseKey(test.key)
		if err := errors.Join(err, certErr, keyErr); err != nil || len(pair.Certificate) != test.want {
			t.Errorf("%s: %d certificates, %v", name, len(pair.Certificate), err)
		}
	}
}

// TestBadClientCertificates are errors at the argument, without the key.
func TestBadClientCertificates(t *testing.T) {
	t.Parallel()
	certificate, key := newCertificate(t)
	_, otherKey := newCertificate(t)
	cert, right, wrong := certPEM(certificate), keyPEM(t, key), keyPEM(t, otherKey)
	legacy := strings.Replace(pemBlock("EC PRIVATE KEY", []byte("5ecre7 and more")), "-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1)
	for name, test := range map[string]struct{ cert, key, at, part string }{
		"the certificate alone":   {cert, "", "client_cert_pem", "client_cert_pem and client_key_pem must be set together."},
		"the key alone":           {"", right, "client_cert_pem", "client_cert_pem and client_key_pem must be set together."},
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
		"a key that is cut":       {cert, right[:len(right)/2], "client_key_pem", "client_key_pem has a damaged block 1, which is not valid PEM."},
	} {
		arguments := map[string]tftypes.Value{"url": text("https://waldur.example.com"), "token": text(waldurtest.Token)}
		for argument, value := range map[string]string{"client_cert_pem": test.cert, "client_key_pem": test.key} {
			if value != "" {
				arguments[argument] = text(value)
			}
		}
		diags := newProtocolClient(t).configure(arguments)
		shown := describe(diags)
		if !reported(diags, tfprotov6.DiagnosticSeverityError, test.at, test.part) {
			t.Errorf("%s: want an error at %s with %q, got %s", name, test.at, test.part, shown)
		}
		for _, secret := range append(strings.Split(right+wrong, "\n"), "5ecre7") {
			if secret != "" && !strings.Contains(secret, "PRIVATE KEY") && strings.Contains(shown, secret) {
				t.Errorf("%s: the key shows: %s", name, shown)
			}
		}
	}
}

// TestCertificatesOfAuthorities: nothing is dropped silently.
func TestCertificatesOfAuthorities(t *testing.T) {
	t.Parallel()
	certificate, key := newCertificate(t)
	other, _ := newCertificate(t)
	right, second := certPEM(certificate), certPEM(other)
	lines := strings.SplitAfter(right, "\n")
	damaged := strings.Join(append(lines[:3:3], lines[4:]...), "")
	negative := pemBlock("CERTIFICATE", bytes.Replace(certificate.Raw, serial, append([]byte{0x81}, serial[1:]...), 1))
	for name, test := range map[string]struct{ pem, part string }{
		"two":                          {second + right, ""},
		"two byte order marks":         {"\ufeff" + second + "\ufeff" + right, ""},
		"texts between":                {"Subject: CN=Other\n" + second + "\n# Lab\n" + right + "the end\n", ""},
		"a damaged block first":        {damaged + second, "has a"},
		"a block that is cut":          {right + second[:len(second)/2], "has a damaged block 2, which is not valid PEM."},
		"a block cut within":           {second[:len(second)/2] + "\n" + right, "has a damaged block 1, which is not valid PEM."},
		"a block without its begin":    {strings.Join(lines[1:], "") + second, "has a damaged block, without a line that begins with -----BEGIN."},
		"a second without its begin":   {second + strings.Join(lines[1:], ""), "has a damaged block, without a line"},
		"a dash too few":               {second + right[1:], "has a damaged block, without a line"},
		"a negative serial number":     {second + negative, "has a certificate in block 2 that cannot be read (negative serial number)."},
		"a key":                        {right + keyPEM(t, key), "must contain only certificates; block 2 is a PRIVATE KEY."},
		"OpenSSL's own form":           {pemBlock("TRUSTED CERTIFICATE", certificate.Raw), "block 1 is a TRUSTED CERTIFICATE."},
		"the name of a file":           {"ca.pem", `not the name of a file; to read a file, use file("NAME").`},
		"a file of one line":           {"MIIB\n", "must be text in PEM format; it has no line that begins with -----BEGIN"},
		"joined without a line break":  {joined(second) + right, ""},
		"joined, of Windows":           {joined(windows(second)) + right, ""},
		"spaces for line breaks":       {strings.ReplaceAll(second+right, "\n", " "), `damaged block 1, which is not valid PEM: it has spaces in place of line breaks. To repair it, use replace(replace(…, "----- ", "-----\n"), " -----", "\n-----").`},
		"these, repaired":              {strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(second+right, "\n", " "), "----- ", "-----\n"), " -----", "\n-----"), ""},
		"line breaks that are escaped": {strings.ReplaceAll(right, "\n", `\n`), `damaged block 1, which is not valid PEM: it has the characters \n in place of line breaks. To repair it, use replace(…, "\\n", "\n").`},
		"no line breaks":               {strings.ReplaceAll(right, "\n", ""), "has a damaged block 1, which is not valid PEM."},
		"base64":                       {base64.StdEncoding.EncodeToString([]byte(right)) + "\n", "must be text in PEM format, not in base64; to decode it, use base64decode(…)."},
		"base64 of a small text":       {base64.StdEncoding.EncodeToString([]byte(right))[:200], "not in base64"},
		"a long line":                  {strings.Repeat("MIIB", 100), "must be text in PEM format; it has no line"},
		"nothing":                      {"", "must be text in PEM format; it has no line"},
	} {
		got, err := parseCertificates(test.pem)
		switch {
		case test.part == "" && (err != nil || len(got) != strings.Count(test.pem, "BEGIN CERT") || !got[len(got)-1].Equal(certificate)):
			t.Errorf("%s: got %d certificates, %v", name, len(got), err)
		case test.part != "" && (err == nil || !strings.Contains(err.Error()+".", test.part) || strings.Contains(err.Error(), strings.Split(keyPEM(t, key), "\n")[1])):
			t.Errorf("%s: want %q, got %v", name, test.part, err)
		}
	}
	pool, err := parseAuthorities(right)
	if err != nil {
		t.Fatal(err)
	}
	if system, err := x509.SystemCertPool(); err == nil {
		if system.AddCert(certificate); !pool.Equal(system) {
			t.Error("the system's authorities are not in the pool")
		}
	}
}
