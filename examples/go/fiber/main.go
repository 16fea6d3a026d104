// The WebSocket echo at /ws, with Fiber and its own websocket package.
package main

import (
	"fmt"
	"log"
	"net"
	"os"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
)

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
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	// The handshake is Fiber's: the handler gets the open connection. Unless
	// its Config lists Origins, any page may connect.
	app.Get("/ws", websocket.New(echo))
	fmt.Printf("listening on ws://%s/ws\n", listener.Addr())
	return app.Listener(listener)
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
