// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// A frame of HTTP/2 (RFC 9113, section 4.1).
func frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	return append(binary.BigEndian.AppendUint32(append(b, kind, flags), stream), payload...)
}

// literal is a header field that no table has (RFC 7541, section 6.2.2).
func literal(name, value string) []byte {
	b := append([]byte{0, byte(len(name))}, name...)
	return append(append(b, byte(len(value))), value...)
}

// A client of HTTP/2 that gives the server all the room that it may, asks for much and
// reads nothing has its connection closed: no deadline of a request ends what is being
// written on it.
func TestAbuseUnreadAnswers(t *testing.T) {
	narrow := defaultLimits
	narrow.conns, narrow.request, narrow.answer = 1, 300*time.Millisecond, 100*time.Millisecond
	s := serveTLS(t, true, func(c *Config) { c.limits = &narrow })
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	trusting := &tls.Config{RootCAs: s.client.Transport.(*checkedTransport).RoundTripper.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "localhost"}
	raw, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if err := raw.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	greedy := trusting.Clone()
	greedy.NextProtos = []string{"h2"}
	c := tls.Client(raw, greedy)
	ask := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
		string(frame(4, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff)) + // SETTINGS: the window of each stream
		string(frame(8, 0, 0, 0x7f, 0, 0, 0)) // WINDOW_UPDATE: that of the connection
	if _, err := io.WriteString(c, ask); err != nil {
		t.Fatal(err)
	}
	var headers []byte
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/openapi.yaml"}} {
		headers = append(headers, literal(h[0], h[1])...)
	}
	// However much of it the system takes off the server's hands.
	for i := range uint32(640) {
		if _, err := c.Write(frame(1, 5, 1+2*i, headers...)); err != nil {
			break // it was closed already
		}
	}
	other := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting, DisableKeepAlives: true}, Timeout: time.Minute}
	ledgertest.Until(t, "that the connection of who reads nothing is closed", func() bool {
		resp, err := other.Get(s.url + "/livez")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return true
	})
}
