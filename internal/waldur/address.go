// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

package waldur

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// componentUsageMonthlyPath is relative to the root of the API. Waldur has it since
// 8.0.8.
const componentUsageMonthlyPath = "marketplace-component-usage-monthly/"

// ParseURL parses the address of a Waldur server and returns the root of its API.
// The address may end in "/", "/api" or the path of the endpoint, and may have a path
// prefix and surrounding white space. The error continues a sentence that begins with the
// name of the setting. It does not repeat the address, which may contain a password.
func ParseURL(address string) (*url.URL, error) {
	address = strings.TrimSpace(address)
	scheme, _, _ := strings.Cut(address, "://")
	if address == "" {
		return nil, errors.New("must not be empty")
	}
	if !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http") || scheme == address {
		return nil, errors.New("must begin with https:// (or http://), as in https://waldur.example.com")
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("is not a valid URL; write it like https://waldur.example.com")
	}
	port, portErr := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.User != nil:
		return nil, errors.New("must not have user info (the part before the @); Waldur accepts only a token")
	case u.Hostname() == "":
		return nil, errors.New("has no host; write it like https://waldur.example.com")
	case u.Port() != "" && (portErr != nil || port == 0):
		return nil, errors.New("has a port that is not between 1 and 65535")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("must not have a query (the part after the ?)")
	case strings.Contains(address, "#"):
		return nil, errors.New("must not have a fragment (the part after the #), as in the address of a page of Waldur's web interface")
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	prefix = strings.TrimSuffix(prefix, "/api/"+strings.TrimSuffix(componentUsageMonthlyPath, "/"))
	prefix = strings.TrimRight(strings.TrimSuffix(prefix, "/api"), "/")
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}).JoinPath(prefix, "api/"), nil
}
