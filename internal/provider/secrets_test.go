package provider

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terraform-provider-waldur/internal/waldurtest"
)

// contents returns a file and, since a saved plan is a zip file, the files in it.
func contents(t *testing.T, path string) []byte {
	t.Helper()
	content := read(t, path)
	if archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content))); err == nil {
		for _, entry := range archive.File {
			reader, err := entry.Open()
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(reader)
			if err != nil {
				t.Fatal(err)
			}
			content = append(content, unpacked...)
		}
	}
	return content
}

// unsolicited sends a text on the connection after each response.
func unsolicited(text string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response := httptest.NewRecorder()
		next.ServeHTTP(response, r)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // the server speaks HTTP/1.1
		}
		defer func() { _ = conn.Close() }()
		result := response.Result()
		result.ContentLength = int64(response.Body.Len())
		_ = result.Write(conn)
		_, _ = conn.Write([]byte(text))
		<-r.Context().Done()
	})
}

// TestAccSecretsAreNowhere searches all files that a run writes, with all logs on, for a header,
// the password of a proxy, the key of a client and the token of a profile. The server repeats all
// but the key, and the token also on idle connections.
func TestAccSecretsAreNowhere(t *testing.T) {
	const token, header, password = "w_5ecre7-t0ken", `5ecre7 "h&eader"`, "5ecre7-p/assword"
	basic := base64.StdEncoding.EncodeToString([]byte("bot:" + password))
	certificate, clientKey := newCertificate(t)
	key := keyPEM(t, clientKey)
	server := recorded(t)
	server.SetToken(token, waldurtest.TokenActive)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := unsolicited("HTTP/1.1 200 OK\r\nX-Echo: "+token+"\r\n\r\n", httputil.NewSingleHostReverseProxy(target))
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "waldur.example.com" || r.Header.Get("Proxy-Authorization") != "Basic "+basic || r.Header.Get("X-Key") != header {
			t.Errorf("the proxy got %s with %v", r.Host, r.Header)
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	file := saveProfiles(t, fmt.Sprintf("[profiles.default]\napi_url = \"http://waldur.example.com\"\ntoken = %q\n", token))
	outside := filepath.Dir(file)
	for name, content := range map[string]string{"header": header, "client.pem": certPEM(certificate), "client.key": key} {
		if err := os.WriteFile(filepath.Join(outside, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	logs := filepath.Join(t.TempDir(), "terraform.log")
	tf := newTerraform(t, plain+fmt.Sprintf(`
provider "waldur" {
  headers         = { "X-Key" = file("%[1]s/header") }
  client_cert_pem = file("%[1]s/client.pem")
  client_key_pem  = file("%[1]s/client.key")
}
`, filepath.ToSlash(outside)), "HTTP_PROXY=http://bot:"+url.QueryEscape(password)+"@"+strings.TrimPrefix(proxy.URL, "http://"), "TF_LOG=TRACE", "TF_LOG_PATH="+logs)

	secrets := []string{token, header, `5ecre7 \"h`, password, url.QueryEscape(password), basic, strings.Split(key, "\n")[1]}
	check := func(place string, text []byte) {
		t.Helper()
		for _, secret := range secrets {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%q is in %s", secret, place)
			}
		}
	}
	for _, step := range [][]string{{"plan", "-out=saved.plan"}, {"show", "saved.plan"}, {"show", "-json", "saved.plan"}, {"apply", "saved.plan"}, {"show", "-json"}, {"output"}} {
		out, err := tf.run(step...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
		check(step[0], []byte(out))
	}
	server.SetFaults(waldurtest.Status(403, nil, fmt.Sprintf("{\"detail\":%q}", strings.Join(secrets[:6], ", "))))
	out, err := tf.run("plan")
	if err == nil || !strings.Contains(out, "(token), (header), ") || !strings.Contains(out, "(proxy password), (proxy password), (proxy credentials)") {
		t.Errorf("plan of a refused request: %v\n%s", err, out)
	}
	check("the error", []byte(out))
	log := read(t, logs)
	for _, want := range []string{"Waldur request", "Waldur read", "rows=8", "attempt=1", "403 Forbidden", "TRACE"} {
		if !bytes.Contains(log, []byte(want)) {
			t.Errorf("the log lacks %s: was it written at all?", want)
		}
	}
	for _, root := range []string{tf.dir, logs} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				check(filepath.Base(path), contents(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
