// SPDX-License-Identifier: Apache-2.0

// Command bind writes binding.go from the ABIs and the creation code in out/.
// It is run in contracts/ by `make contracts`.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/ethereum/go-ethereum/accounts/abi/abigen"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bind:", err)
		os.Exit(1)
	}
}

func run() error {
	names := []string{"Anchor", "StrictAnchor"}
	var abis, codes []string
	for _, name := range names {
		b, err := os.ReadFile("out/" + name + ".json")
		if err != nil {
			return err
		}
		var built struct {
			ABI      json.RawMessage
			Bytecode string
		}
		if err := json.Unmarshal(b, &built); err != nil {
			return fmt.Errorf("out/%s.json: %w", name, err)
		}
		abis = append(abis, string(built.ABI))
		codes = append(codes, built.Bytecode)
	}
	source, err := abigen.BindV2(names, abis, codes, "contracts", nil, nil)
	if err != nil {
		return err
	}
	return os.WriteFile("binding.go", []byte("// SPDX-License-Identifier: Apache-2.0\n\n"+source), 0o644)
}
