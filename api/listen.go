// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// A listener accepts no more connections than may be open, and none once it
// is closed. netutil.LimitListener does as much, but hides from net/http and
// from a stream that a connection can close its two halves one by one.
type listener struct {
	net.Listener
	room   *semaphore.Weighted
	open   context.Context // ends with Close
	close  context.CancelFunc
	linger time.Duration
	hurry  atomic.Bool // no connection lingers any more
}

// listen has ln accept no more connections than may be open.
func (l limits) listen(ln net.Listener) *listener {
	open, cancel := context.WithCancel(context.Background())
	return &listener{Listener: ln, room: semaphore.NewWeighted(int64(l.conns)), open: open, close: cancel, linger: l.linger}
}

func (l *listener) Accept() (net.Conn, error) {
	if l.room.Acquire(l.open, 1) != nil {
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.room.Release(1)
		return nil, err
	}
	return &conn{Conn: c, leave: sync.OnceFunc(func() { l.room.Release(1) }), linger: l.linger, hurry: &l.hurry}, nil
}

func (l *listener) Close() error {
	l.close()
	return l.Listener.Close()
}

// A conn is a connection that may be told to linger.
//
// A TCP connection that is closed while something of the client's is unread is
// reset, and a reset takes along the answers that are still on their way. So
// one whose client may still be sending is closed in two steps, as RFC 9112
// section 9.6 asks for: its sending half at once; the rest when the client has
// closed too, or has had its time.
type conn struct {
	net.Conn
	leave     func()
	linger    time.Duration
	lingering atomic.Bool
	hurry     *atomic.Bool
}

// lingerAtEnd has the next Close wait for the client. A Close after that, which
// may come while the other waits, closes at once.
func (c *conn) lingerAtEnd() { c.lingering.Store(true) }

// CloseWrite is what net/http looks for in a connection whose request it read
// in part.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *conn) Close() error {
	defer c.leave()
	if c.lingering.CompareAndSwap(true, false) && !c.hurry.Load() && c.CloseWrite() == nil {
		if c.SetReadDeadline(time.Now().Add(c.linger)) == nil {
			_, _ = io.Copy(io.Discard, c.Conn)
		}
	}
	return c.Conn.Close()
}

type connKey struct{}

// withConn keeps the connection where the handlers of its requests find it.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// lingerAtEnd does so for the connection that a request came by.
func lingerAtEnd(ctx context.Context) {
	c, _ := ctx.Value(connKey{}).(net.Conn)
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
	}
	if c, ok := c.(*conn); ok {
		c.lingerAtEnd()
	}
}
