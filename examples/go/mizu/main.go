// The WebSocket echo at /ws, with Mizu and gorilla/websocket.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/go-mizu/mizu"
	"github.com/gorilla/websocket"
)

// Any page may connect, as in the document; by itself gorilla takes only those
// of the server's own origin.
var upgrader = websocket.Upgrader{
	CheckOrigin: func(*http.Request) bool { return true },
}

func main() {
	address := os.Getenv("LISTEN")
	if address == "" {
		address = "127.0.0.1:8080"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatalf("cannot listen on %s: %v", address, err)
	}
	if err := serve(listener); err != nil {
		log.Fatal(err)
	}
}

func serve(listener net.Listener) error {
	app := mizu.New()
	// Mizu takes the signals and, left to itself, waits up to 15 s for requests.
	app.ShutdownTimeout = 500 * time.Millisecond
	app.Get("/ws", handshake)
	fmt.Printf("listening on ws://%s/ws\n", listener.Addr())
	return app.Serve(listener)
}

func handshake(c *mizu.Ctx) error {
	conn, err := upgrader.Upgrade(c.Writer(), c.Request(), nil)
	if err != nil {
		// Upgrade has answered.
		return nil
	}
	defer conn.Close()
	echo(conn)
	// Whatever is returned here no client sees.
	return nil
}

func echo(conn *websocket.Conn) {
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, data); err != nil {
			return
		}
	}
}
