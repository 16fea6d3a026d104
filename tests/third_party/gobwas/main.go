// The WebSocket echo at /ws, with gobwas/ws and its wsutil.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"strings"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

func main() {
	address := os.Getenv("LISTEN")
	if address == "" {
		address = "127.0.0.1:8080"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on ws://%s/ws\n", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn)
	}
}

var upgrader = ws.Upgrader{
	OnRequest: func(uri []byte) error {
		if path, _, _ := strings.Cut(string(uri), "?"); path != "/ws" {
			return ws.RejectConnectionError(ws.RejectionStatus(404))
		}
		return nil
	},
}

func serve(conn net.Conn) {
	defer conn.Close()
	if _, err := upgrader.Upgrade(conn); err != nil {
		return
	}
	for {
		message, op, err := wsutil.ReadClientData(conn)
		if err != nil {
			return
		}
		if wsutil.WriteServerMessage(conn, op, message) != nil {
			return
		}
	}
}
