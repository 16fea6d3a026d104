// The WebSocket echo at /ws, with Echo and gorilla/websocket.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
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
	server := echo.New()
	server.HideBanner = true
	server.HidePort = true
	server.GET("/ws", handshake)
	server.Listener = listener
	fmt.Printf("listening on ws://%s/ws\n", listener.Addr())
	return server.Start("")
}

func handshake(c echo.Context) error {
	conn, err := upgrader.Upgrade(c.Response(), c.Request(), nil)
	if err != nil {
		// Upgrade has answered.
		return nil
	}
	defer conn.Close()
	repeat(conn)
	// Whatever is returned here no client sees.
	return nil
}

// In the other five this is echo; here the framework has the name.
func repeat(conn *websocket.Conn) {
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
