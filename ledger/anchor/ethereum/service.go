// SPDX-License-Identifier: Apache-2.0

// Package ethereum anchors checkpoints on an Ethereum chain: it writes them into
// the contract of package contracts, through endpoints that it does not believe,
// and keeps on disk what it is about to say before it says it.
package ethereum

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Options are what a service needs of the program around it.
type Options struct {
	Name   string // of the target: [a-z0-9-]{1,32}
	Dir    string // holds NAME.state, and locks; made where it is not there
	Origin string // of the ledger
	Logger *slog.Logger
	Now    func() time.Time // for warnings about clocks only

	// ConsistencyProof of the ledger holds what the contract has against what is to
	// be anchored, so that nothing is written over a fork. Without it only heads of
	// one size are compared.
	ConsistencyProof func(ctx context.Context, oldSize, size int64) ([]tree.Hash, error)
}

// A Service anchors the checkpoints of one ledger with one key in one contract.
type Service struct {
	network *Network
	signer  Signer
}

var _ anchor.Target = (*Service)(nil)

// Open opens a service, and what it remembers in the directory. It speaks to no
// endpoint, so that a ledger starts without one. Another process with the same
// directory and name, or the same key and chain, is an error.
func Open(c Config, o Options) (*Service, error) { return nil, errors.New("not built yet") }

// Name is what the operator called the target.
func (s *Service) Name() string { return "" }

// Address is the account that anchors: the publisher, for trust policies.
func (s *Service) Address() common.Address { return s.signer.Address() }

// Network is the chain.
func (s *Service) Network() *Network { return s.network }

// Submit hands over a checkpoint that was published.
func (s *Service) Submit(ctx context.Context, h anchor.Head) error {
	return errors.New("not built yet")
}

// Poll moves on what is under way.
func (s *Service) Poll(ctx context.Context) (*anchor.Final, error) {
	return nil, errors.New("not built yet")
}

// Done says that a final anchor was archived and recorded.
func (s *Service) Done(id string) error { return errors.New("not built yet") }

// Resume takes what an operator looked into as settled: alarms go, and after a
// transaction that the contract refused the newest checkpoint is tried again. It
// is used as Poll is.
func (s *Service) Resume() error { return errors.New("not built yet") }

// Status tells how it goes.
func (s *Service) Status() anchor.Status { return anchor.Status{} }

// Close gives back the locks and connections.
func (s *Service) Close() error { return nil }
