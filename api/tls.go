// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net"
	"net/http"
)

// strictTransport tells browsers to come by TLS only, for a year (RFC 6797).
const strictTransport = "max-age=31536000"

// What one connection of HTTP/2 may have in the server: so many requests at a time,
// and so many bytes of what it sends that were not read yet. All connections
// together have as many requests as there may be connections: see limits.multiplexed.
const (
	requestsPerConn = 32
	unreadPerConn   = 256 << 10
	unreadPerStream = 64 << 10
)

// serveOn answers requests from a listener, by TLS where that is configured. Whoever
// speaks plain HTTP there is told so by net/http, and no more.
func (s *Server) serveOn(srv *http.Server, ln net.Listener) error {
	if s.conf.TLS == nil {
		return srv.Serve(ln)
	}
	srv.TLSConfig = s.conf.TLS.Clone()
	srv.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams:          requestsPerConn,
		MaxReceiveBufferPerConnection: unreadPerConn,
		MaxReceiveBufferPerStream:     unreadPerStream,
		// The deadlines of its requests end them, and not what is being written of one:
		// whoever reads nothing would keep the connection for as long as they like.
		WriteByteTimeout: s.limits.request,
	}
	if s.conf.Remote { // on loopback a name is shared by all that run there
		srv.Handler = strictly(srv.Handler)
	}
	return srv.ServeTLS(ln, "", "")
}

func strictly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", strictTransport)
		next.ServeHTTP(w, r)
	})
}
