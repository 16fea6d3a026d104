// Package wsspectest runs the cases of wsspec as subtests: it tests whether a
// WebSocket server conforms to RFC 6455. The server only has to echo.
//
// The package needs the command wsspec. It looks at the environment variable
// WSSPEC, then in PATH, and skips the test if there is none; with
// WSSPEC_REQUIRED=1, such as in CI, it fails the test.
package wsspectest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Run tests the server at a URL such as ws://127.0.0.1:8080/ws. The test may
// have started it with net/http/httptest. Each case is a subtest. The
// arguments go to the command, such as --strict or --case=6455/5.5.2/*.
func Run(t *testing.T, url string, arguments ...string) {
	t.Helper()
	run(t, append([]string{url}, arguments...))
}

// Exec tests a server that a command of the shell starts. Its environment
// variable LISTEN is the address to listen at, with port 0. The server prints
// a line with its ws:// address when it accepts connections.
func Exec(t *testing.T, command string, arguments ...string) {
	t.Helper()
	run(t, append([]string{"run", "--exec", command}, arguments...))
}

// Config tests the servers of a server.toml, as `wsspec init` prints it.
func Config(t *testing.T, path string, arguments ...string) {
	t.Helper()
	run(t, append([]string{"run", "--config", path}, arguments...))
}

// The verdicts that fail a run, that fail it with --strict, and those of a
// case that was not judged.
var (
	failing         = []string{"fail", "stale", "blocked", "broken"}
	failingIfStrict = []string{"non-strict"}
	skipped         = []string{"unsupported", "known"}
)

type results struct {
	Targets []struct {
		Name  string   `json:"name"`
		Cases []result `json:"cases"`
	} `json:"targets"`
}

type result struct {
	ID       string   `json:"id"`
	Outcome  string   `json:"outcome"`
	Rule     string   `json:"rule"`
	Expected string   `json:"expected"`
	Got      string   `json:"got"`
	Note     string   `json:"note"`
	Trace    []string `json:"trace"`
}

func run(t *testing.T, arguments []string) {
	t.Helper()
	program := find(t)
	path := filepath.Join(t.TempDir(), "results.json")
	arguments = append(arguments, "--report", path)
	output, err := exec.Command(program, arguments...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatalf("wsspec: %v\n%s", err, output)
	}
	text, unread := os.ReadFile(path)
	if unread != nil {
		t.Fatalf("wsspec has no results: %v\n%s", unread, output)
	}
	var found results
	if bad := json.Unmarshal(text, &found); bad != nil {
		t.Fatalf("wsspec's results: %v", bad)
	}
	fails := failing
	if has(arguments, "--strict") {
		fails = append(append([]string{}, failing...), failingIfStrict...)
	}
	failed := false
	for _, target := range found.Targets {
		for _, one := range target.Cases {
			name := one.ID
			if len(found.Targets) > 1 {
				name = target.Name + "/" + one.ID
			}
			t.Run(name, func(t *testing.T) {
				switch {
				case has(fails, one.Outcome):
					failed = true
					t.Error(one.explanation())
				case has(skipped, one.Outcome):
					t.Skip(one.explanation())
				}
			})
		}
	}
	// Such as a server that exited during the run. A filter of go test may
	// have left the failing cases out.
	if err != nil && !failed && !found.any(fails) {
		t.Errorf("%s", output)
	}
}

func find(t *testing.T) string {
	t.Helper()
	name := os.Getenv("WSSPEC")
	if name == "" {
		name = "wsspec"
	}
	program, err := exec.LookPath(name)
	if err == nil {
		return program
	}
	if os.Getenv("WSSPEC") == "" && os.Getenv("WSSPEC_REQUIRED") != "1" {
		t.Skip("wsspec is not installed: add it to PATH, or set WSSPEC")
	}
	t.Fatalf("wsspec: %v", err)
	return ""
}

func (found results) any(outcomes []string) bool {
	for _, target := range found.Targets {
		for _, one := range target.Cases {
			if has(outcomes, one.Outcome) {
				return true
			}
		}
	}
	return false
}

func (one result) explanation() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\nrule      %s\n", one.Outcome, one.Rule)
	for _, row := range [][2]string{
		{"expected", one.Expected}, {"got", one.Got}, {"note", one.Note},
	} {
		if row[1] != "" {
			fmt.Fprintf(&text, "%-9s %s\n", row[0], row[1])
		}
	}
	for at, line := range one.Trace {
		heading := "trace"
		if at > 0 {
			heading = ""
		}
		fmt.Fprintf(&text, "%-9s %s\n", heading, line)
	}
	return text.String()
}

func has(words []string, word string) bool {
	for _, one := range words {
		if one == word {
			return true
		}
	}
	return false
}
