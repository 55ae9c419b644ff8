// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// unbuffered listens for connections on which nothing is written before it is
// read.
type unbuffered struct {
	net.Listener
	dialled chan net.Conn
	closed  chan struct{}
}

func (u *unbuffered) Accept() (net.Conn, error) {
	select {
	case c := <-u.dialled:
		return c, nil
	case <-u.closed:
		return nil, net.ErrClosed
	}
}

func (u *unbuffered) Close() error { close(u.closed); return nil }

// Clients of streams who take no answer when the server stops are cut off when
// their time is out, and do not have it linger for one after the other.
func TestStopDoesNotLinger(t *testing.T) {
	l := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{}), ledger.Options{})
	lim := defaultLimits
	lim.linger = 24 * time.Hour
	s, err := New(Config{Ledger: l.Ledger, DrainTimeout: 100 * time.Millisecond, limits: &lim})
	if err != nil {
		t.Fatal(err)
	}
	ln := &unbuffered{dialled: make(chan net.Conn), closed: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	for range 3 {
		client, server := net.Pipe()
		defer client.Close()
		ln.dialled <- server
		const head = "POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
		if _, err := io.WriteString(client, head); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
	}
	stop()
	if err := <-done; err == nil {
		t.Error("the streams that took no answer were not cut off")
	}
	noGoroutines(t, "lendlog/api.(*Server)")
}
