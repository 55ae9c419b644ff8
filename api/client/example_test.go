// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// submit sends an event and keeps its receipt.
func submit(ctx context.Context, server, trustFile string, event []byte) error {
	file, err := os.ReadFile(trustFile)
	if err != nil {
		return err
	}
	trust, err := proof.ParseTrust(file)
	if err != nil {
		return err
	}
	c, err := client.Dial(ctx, server,
		client.WithTrust(trust),
		client.WithMemory(client.File(trustFile+".seen")))
	if err != nil {
		return err
	}
	defer c.Close()
	result, err := c.Submit(ctx, event)
	if err != nil {
		return err // the same event may be sent again, whatever it was
	}
	name := fmt.Sprintf("receipt-%d.json", result.Receipt.Index)
	return os.WriteFile(name, result.Receipt.Bytes(), 0o600)
}

// watch hands every record from index from on to handle, and each that comes
// until ctx ends.
func watch(ctx context.Context, c *client.Client, from int64, handle func(index int64, event *record.Event)) error {
	for r, err := range c.Follow(ctx, from, client.FollowOptions{}) {
		if err != nil {
			return err
		}
		if r.Event != nil { // it is nil of what was erased, of restricted records and of index-roots
			handle(r.Index, r.Event)
		}
	}
	return nil
}

func Example() {
	event := []byte(`{"specversion":"1.0", …}`)
	if err := submit(context.Background(), "https://ledger.bank.example", "trust.json", event); err != nil {
		log.Fatal(err)
	}
}
