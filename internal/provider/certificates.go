package provider

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// parseAuthorities returns the system's certificate authorities and those in a PEM text.
func parseAuthorities(text string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	certificates, err := parseCertificates(text)
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool, err
}

// parseCertificates returns the certificates of a PEM text, in their order. The error continues a
// sentence that begins with the argument's name, without the text, which may be a private key.
func parseCertificates(text string) ([]*x509.Certificate, error) {
	blocks, err := parsePEM(text)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for i, block := range blocks {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("must contain only certificates; block %d is a %s", i+1, block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("has a certificate in block %d that cannot be read (%s)", i+1, strings.TrimPrefix(err.Error(), "x509: "))
		}
		certificates = append(certificates, certificate)
	}
	return certificates, nil
}

const pemBegin, pemEnd = "-----BEGIN", "-----END"

// parsePEM returns the blocks of a PEM text, of which there is at least one. Package encoding/pem
// silently skips damaged blocks; here they are errors.
func parsePEM(text string) ([]*pem.Block, error) {
	parts := strings.Split(text, pemBegin)
	var blocks []*pem.Block
	for i, part := range parts[1:] {
		block, _ := pem.Decode([]byte(pemBegin + part + "\n")) // the line break may be missing
		if block == nil {
			return nil, fmt.Errorf("has a damaged block %d, which is not valid PEM%s", i+1, lostLineBreaks(text))
		}
		blocks = append(blocks, block)
	}
	switch {
	case strings.Count(text, pemEnd) > len(blocks):
		return nil, errors.New("has a damaged block, without a line that begins with " + pemBegin)
	case len(blocks) > 0:
		return blocks, nil
	case strings.HasPrefix(strings.TrimSpace(text), "LS0tLS1CRUdJTi"): // -----BEGIN
		return nil, errors.New("must be text in PEM format, not in base64; to decode it, use base64decode(…)")
	case text != "" && len(text) < 256 && !strings.Contains(text, "\n"):
		return nil, errors.New("must be text in PEM format, not the name of a file; to read a file, use file(\"NAME\")")
	}
	return nil, errors.New("must be text in PEM format; it has no line that begins with " + pemBegin)
}

// lostLineBreaks says what a text has in place of line breaks, and how to repair it.
func lostLineBreaks(text string) string {
	switch {
	case strings.Contains(text, `\n`):
		return `: it has the characters \n in place of line breaks. To repair it, use replace(…, "\\n", "\n")`
	case strings.Contains(text, "----- ") && !strings.Contains(text, "-----\n"):
		return `: it has spaces in place of line breaks. To repair it, use replace(replace(…, "----- ", "-----\n"), " -----", "\n-----")`
	}
	return ""
}

// parseKey returns a PEM text that has one private key, not encrypted. Errors do not show it.
func parseKey(text string) (string, error) {
	blocks, err := parsePEM(text)
	if err != nil {
		return "", err
	}
	keys := 0
	for _, block := range blocks {
		switch {
		case strings.Contains(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return "", errors.New("must not be encrypted; decrypt the key first, for example with openssl pkey")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			keys++
		}
	}
	if keys != 1 {
		return "", fmt.Errorf("must contain one private key; it has %d", keys)
	}
	return text, nil
}

// clientCertificate returns a client's certificate with its key, both PEM texts.
func clientCertificate(certificates, key string) (tls.Certificate, error) {
	lines := func(text string) []byte { return []byte(strings.ReplaceAll(text, pemBegin, "\n"+pemBegin) + "\n") }
	pair, err := tls.X509KeyPair(lines(certificates), lines(key))
	if err != nil {
		return pair, errors.New("is not the key of the certificate in client_cert_pem, or cannot be read")
	}
	return pair, nil
}
