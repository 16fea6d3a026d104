// The WebSocket echo at /ws, with Chi and gorilla/websocket.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
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
	router := chi.NewRouter()
	router.Get("/ws", handshake)
	fmt.Printf("listening on ws://%s/ws\n", listener.Addr())
	return http.Serve(listener, router)
}

func handshake(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		// Upgrade has answered.
		return
	}
	defer conn.Close()
	echo(conn)
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
