// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"fmt"
	"os"

	"github.com/lendlog/lendlog/ledger/vault"
)

// PassphraseVariable names the file of the passphrase under which the keys of a
// ledger are encrypted.
const PassphraseVariable = "LENDLOG_PASSPHRASE_FILE"

// Passphrase reads the passphrase of a ledger's keys. It is a [vault.Passphrase].
func Passphrase() (string, error) {
	file := os.Getenv(PassphraseVariable)
	if file == "" {
		return "", fmt.Errorf("%s is not set: have it name the file that holds it", PassphraseVariable)
	}
	return ReadPassphrase(file)
}

// ReadPassphrase reads the passphrase in a file that only its owner can read.
func ReadPassphrase(file string) (string, error) {
	text, err := vault.ReadSecret(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", &classed{ErrUsage, fmt.Errorf("there is no file %s with the passphrase", file)}
	case err != nil:
		return "", err
	case text == "":
		return "", &classed{ErrUsage, fmt.Errorf("%s holds no passphrase", file)}
	}
	return text, nil
}
