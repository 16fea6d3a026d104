package wsspectest_test

import (
	"os"
	"testing"

	"github.com/OWNER/REPOSITORY/packaging/go/wsspectest"
)

// packaging/check.sh sets these. A failing case has to fail this test.
func TestServer(t *testing.T) {
	command := os.Getenv("WSSPEC_TEST_EXEC")
	if command == "" {
		t.Skip("WSSPEC_TEST_EXEC is not set")
	}
	filter := os.Getenv("WSSPEC_TEST_CASE")
	wsspectest.Exec(t, command, "--case="+filter)
}

func TestConfig(t *testing.T) {
	path := os.Getenv("WSSPEC_TEST_CONFIG")
	if path == "" {
		t.Skip("WSSPEC_TEST_CONFIG is not set")
	}
	wsspectest.Config(t, path, "--variant=echo", "--case="+os.Getenv("WSSPEC_TEST_CASE"))
}
