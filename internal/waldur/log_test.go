package waldur_test

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"terraform-provider-waldur/internal/waldur"
	"terraform-provider-waldur/internal/waldurtest"
)

func TestHeadersOfRequests(t *testing.T) {
	t.Parallel()
	for token, authorization := range map[waldur.Token]string{
		waldurtest.Token: "Token " + waldurtest.Token, "w_personal": "Bearer w_personal", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln",
	} {
		server := waldurtest.Start(t, nil)
		server.SetToken(string(token), waldurtest.TokenActive)
		c := client(t, server)
		c.Token, c.UserAgent, c.Headers = token, "tests/1", http.Header{"X-Gate": {"a", "b"}, "X-Empty": {""}}
		if _, _, err := c.ListComponentUsageMonthly(t.Context(), waldur.Query{}); err != nil {
			t.Error(err)
		}
		got := server.Requests()[0].Header
		want := http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "Authorization": {authorization}, "Cache-Control": {"no-cache"}, "User-Agent": {"tests/1"}, "X-Empty": {""}, "X-Gate": {"a", "b"}}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestSecretsAreInNoErrorAndNoLog reads from servers that repeat the token or a header, in all the
// places that an error shows.
func TestSecretsAreInNoErrorAndNoLog(t *testing.T) {
	t.Parallel()
	const key = "s3cret-of-forty-characters-and-some-more"
	for kind, login := range map[string]struct {
		token  waldur.Token
		header string
	}{
		"a key":    {token: key},
		"a JWT":    {token: waldur.Token("eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("claims", 60) + ".c2lnbmF0dXJl")},
		"a header": {waldurtest.Token, "s3cret/of~forty-characters-and-some-more"},
	} {
		secret := cmp.Or(login.header, string(login.token))
		page := "<title>" + strings.Repeat("-", 190) + secret + "</title>"
		firstRow := `[{"offering_uuid":"1","offering_name":"","offering_type":"","category_uuid":%s}]`
		for place, fault := range map[string]waldurtest.Fault{
			"a detail":                 waldurtest.Status(403, nil, `{"detail":"`+secret+`"}`),
			"a filter":                 waldurtest.Status(400, nil, `{"start":["`+secret+`"]}`),
			"a filter's name":          waldurtest.Status(400, nil, `{"`+secret+`":["no"]}`),
			"an object":                waldurtest.Status(400, nil, `{"a":{"b":"`+secret+`"}}`),
			"a title":                  waldurtest.Status(500, http.Header{"Content-Type": {"text/html"}}, page),
			"a text":                   waldurtest.Status(418, nil, strings.Repeat("-", 190)+secret),
			"a redirect":               waldurtest.Status(302, http.Header{"Location": {"http://elsewhere.example/" + secret}}, ""),
			"a redirect's host":        waldurtest.Status(302, http.Header{"Location": {"http://" + secret + waldurtest.Path}}, ""),
			"a redirect to no address": waldurtest.Status(302, http.Header{"Location": {"http://%zz/" + secret}}, ""),
			"a response without a row": waldurtest.Body("application/json", `{"token":"`+secret+`"}`),
			"a response of one text":   waldurtest.Body("application/json", `"`+secret+`"`),
			"a response that is cut":   waldurtest.Body("application/json", `["`+secret),
			"a page":                   waldurtest.Body("text/html", page),
			"a field":                  waldurtest.Body("application/json", fmt.Sprintf(firstRow, `{"t":"`+secret+`"}`)),
			"a field that comes twice": waldurtest.Body("application/json", `[{"`+secret+`":1,"`+secret+`":2}]`),
			"a number":                 waldurtest.Body("application/json", `[{"total_consumed":"`+secret+`"}]`),
			"a row of another month":   waldurtest.EditRows(setFirst("billing_period", secret)),
			"a row of another kind":    waldurtest.EditRows(setFirst("component_type", secret)),
			"a row of another period":  waldurtest.EditRows(setFirst("limit_period", secret)),
			"a count":                  waldurtest.SetHeader("X-Result-Count", secret),
			"an encoding":              waldurtest.SetHeader("Content-Encoding", secret),
			"an encoding of a text":    waldurtest.Status(403, http.Header{"Content-Encoding": {secret}}, "?"),
			"a reason":                 waldurtest.Raw("HTTP/1.1 403 " + secret + "\r\nContent-Length: 0\r\n\r\n"),
			"a malformed status":       waldurtest.Raw("HTTP/1.1 " + secret + "\r\n\r\n"),
		} {
			t.Run(kind+" in "+place, func(t *testing.T) {
				t.Parallel()
				server := waldurtest.Start(t, waldurtest.ContractRows())
				server.SetToken(string(login.token), waldurtest.TokenActive)
				server.SetFaults(fault)
				c := client(t, server)
				c.Token, c.Headers, c.MaxRetries = login.token, http.Header{"X-Key": {login.header}}, 1
				logger, log := logs()
				c.Logger = logger
				query := waldur.Query{BillingPeriod: waldur.NewMonth(2026, time.August), ComponentType: "cores", WholeLimitPeriods: true}
				_, _, err := c.ListComponentUsageMonthly(t.Context(), query)
				if err == nil || len(log.texts) == 0 {
					t.Fatalf("got the error %v and %d lines", err, len(log.texts))
				}
				for _, text := range append(log.texts, err.Error(), fmt.Sprintf("%+v", err)) {
					if strings.Contains(text, secret[:6]) {
						t.Errorf("the secret shows: %s", text)
					}
				}
			})
		}
	}
}

func setFirst(field string, value any) func([]map[string]any) []map[string]any {
	return func(rows []map[string]any) []map[string]any {
		rows[0][field] = value
		return rows
	}
}

// logs returns a logger, and what it has logged: a line for each record.
func logs() (*slog.Logger, *lines) {
	l := &lines{}
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})), l
}

type lines struct {
	mu    sync.Mutex
	texts []string
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts = append(l.texts, string(line))
	return len(line), nil
}

func TestEachAttemptAndEachReadIsLogged(t *testing.T) {
	t.Parallel()
	_, c := serve(t, tiedRows(500), waldurtest.First(1, waldurtest.Status(503, nil, "")))
	c.MaxRetries = 1
	logger, log := logs()
	c.Logger = logger
	if _, _, err := c.ListComponentUsageMonthly(t.Context(), allMonths); err != nil {
		t.Fatal(err)
	}
	varying := regexp.MustCompile(`time=\S+ |(milliseconds|bytes)=\d+|http://127.0.0.1:\d+`)
	const request = `level=DEBUG msg="Waldur request" method=GET url="` + waldurtest.Path
	const want = request + `?page_size=300&start=1900-01" attempt=1  error="the server responded with 503 Service Unavailable"` + "\n" +
		request + `?page_size=300&start=1900-01" attempt=2  status=200 ` + "\n" +
		request + `?page=2&page_size=300&start=1900-01" attempt=1  status=200 ` + "\n" +
		`level=DEBUG msg="Waldur read" rows=500 count=500 passes=1 complete=true` + "\n"
	if got := varying.ReplaceAllString(strings.Join(log.texts, ""), ""); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
