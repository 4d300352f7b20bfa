package waldur

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// componentUsageMonthlyPath is relative to the root of the API. Waldur 8.0.8 and later have it.
const componentUsageMonthlyPath = "marketplace-component-usage-monthly/"

// bareIPv6 is the beginning of an address with an IPv6 address that is not in brackets.
var bareIPv6 = regexp.MustCompile(`^([A-Za-z]+://)?[[:xdigit:]]*:[[:xdigit:]]*:`)

// ParseURL parses the address of a Waldur server and returns the root of its API. The address may
// end in "/", "/api" or the path of the endpoint, and may have a path prefix and surrounding white
// space. All addresses of a server lead to one result: its host is in lower case and ASCII, without
// a dot at the end and without the default port. The error continues a sentence that begins with
// the name of the setting. It does not repeat what may be a password.
func ParseURL(address string) (*url.URL, error) {
	address = trimInvisible(address)
	u, err := url.Parse(address)
	switch scheme, _, found := strings.Cut(address, "://"); {
	case address == "":
		return nil, errors.New("must not be empty")
	case strings.ContainsFunc(address, isInvisible):
		return nil, invisibleError(address, strings.ContainsAny(address, "@?#"))
	case bareIPv6.MatchString(address):
		return nil, errors.New("has an IPv6 address without brackets; write it like http://[::1]:8080")
	case !found || !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http"):
		return nil, errors.New("must begin with https:// (or http://), as in https://waldur.example.com")
	case err != nil:
		return nil, errors.New("is not a valid URL; write it like https://waldur.example.com")
	}
	defaultPort := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	port, portErr := strconv.ParseUint(cmp.Or(u.Port(), defaultPort), 10, 16)
	host, hostErr := canonicalHost(u.Hostname())
	switch {
	case u.User != nil:
		return nil, errors.New("must not have user info (the part before the @); Waldur accepts only a token")
	case hostErr != nil || host == "":
		return nil, errors.New("has no valid host; write it like https://waldur.example.com")
	case portErr != nil || port == 0:
		return nil, errors.New("has a port that is not between 1 and 65535")
	case strings.ContainsAny(address, "?#"):
		return nil, errors.New("must not have a query or a fragment (the part after ? or #), as in the address of a page of Waldur's web interface")
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	prefix = strings.TrimSuffix(prefix, "/api/"+strings.TrimSuffix(componentUsageMonthlyPath, "/"))
	prefix = strings.TrimRight(strings.TrimSuffix(prefix, "/api"), "/")
	host = strings.TrimSuffix(net.JoinHostPort(host, strconv.FormatUint(port, 10)), ":"+defaultPort)
	return (&url.URL{Scheme: u.Scheme, Host: host, Path: "/"}).JoinPath(prefix, "api/"), nil
}

// canonicalHost returns the canonical form of a host.
func canonicalHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String(), nil
	}
	var err error
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) { // idna refuses some names in ASCII that are in use
		host, err = idna.Lookup.ToASCII(host)
	}
	return strings.TrimRight(strings.ToLower(host), "."), err
}
