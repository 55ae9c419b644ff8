// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// given are the ports that Address gave.
var given sync.Map

// Address is one of this machine that nobody listens at, for a test that has to name
// it before something listens there, or while nothing does. Its port is none of those
// that Linux (32768 to 60999) or another system (from 49152) gives to whoever asks for
// any, so that no other test gets it in between.
func Address() (string, error) {
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("of the ports from 20000 to 31999 none is free")
}
