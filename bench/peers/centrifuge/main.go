// A server on the library Centrifuge, for comparisons: POST /chats/{id}/messages publishes its body to channel {id},
// and whoever is subscribed there over /connection/websocket gets it. Everything is in memory.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
)

const (
	bodyBytesMax = 64 * 1024
	historyTTL   = time.Minute
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8002", "address to listen on; nobody is asked who he is")
	history := flag.Int("history", 1000, "publications kept of a channel; with 0 they have no offsets either")
	flag.Parse()

	node, err := newNode()
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("GET /connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	http.HandleFunc("POST /chats/{id}/messages", func(w http.ResponseWriter, r *http.Request) {
		publish(node, *history, w, r)
	})
	log.Fatal(http.ListenAndServe(*listen, nil))
}

// A node with its broker in memory, where everybody may subscribe to everything.
func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{}, nil)
		})
	})
	return node, node.Run()
}

func publish(node *centrifuge.Node, history int, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	if err != nil || !json.Valid(body) {
		http.Error(w, "the body is no JSON, or too large", http.StatusBadRequest)
		return
	}
	published, err := node.Publish(r.PathValue("id"), body, centrifuge.WithHistory(history, historyTTL))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// Where the client has gone, nobody is left to be told.
	_ = json.NewEncoder(w).Encode(map[string]uint64{"offset": published.Offset})
}
