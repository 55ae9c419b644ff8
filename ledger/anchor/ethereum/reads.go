// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

// FinalBlock returns the newest block that, by the configured measure, is final
// for as many endpoints as have to agree, on its hash too.
func (n *Network) FinalBlock(ctx context.Context) (chain.Block, error) {
	answers := ask(ctx, n, func(ctx context.Context, e *endpoint) (*types.Header, error) { return e.final(ctx) })
	newest, err := reached(n, answers, byNumber)
	if err != nil {
		return chain.Block{}, fmt.Errorf("couldn't learn what is final: %w", err)
	}
	number := newest.Number.Uint64()
	finals := map[*endpoint]*types.Header{}
	for _, a := range answers {
		if a.err == nil {
			finals[a.from] = a.value
		}
	}
	h, err := agreed(n, ask(ctx, n, func(ctx context.Context, e *endpoint) (*types.Header, error) {
		switch h := finals[e]; {
		case h == nil, h.Number.Uint64() < number:
			return nil, ErrNotFound
		case h.Number.Uint64() == number:
			return h, nil
		}
		return e.byNumber(ctx, number)
	}), (*types.Header).Hash)
	if err != nil {
		return chain.Block{}, fmt.Errorf("couldn't learn what is final: block %d: %w", number, err)
	}
	return blockOf(h), nil
}

func byNumber(a, b *types.Header) int { return a.Number.Cmp(b.Number) }

func blockOf(h *types.Header) chain.Block {
	return chain.Block{Hash: chain.Hash(h.Hash()), Parent: chain.Hash(h.ParentHash), Number: h.Number.Uint64(), Time: h.Time}
}

// AgreedHeader returns the header of a block on whose hash as many endpoints
// agree as have to.
func (n *Network) AgreedHeader(ctx context.Context, number uint64) (*types.Header, error) {
	return agreed(n, ask(ctx, n, func(ctx context.Context, e *endpoint) (*types.Header, error) { return e.byNumber(ctx, number) }), (*types.Header).Hash)
}

// AgreedNonce returns how many transactions an account had after a block, on
// which as many endpoints agree as have to.
func (n *Network) AgreedNonce(ctx context.Context, of common.Address, block common.Hash) (uint64, error) {
	return agreed(n, ask(ctx, n, func(ctx context.Context, e *endpoint) (out uint64, err error) {
		err = e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
			out, err = c.NonceAtHash(ctx, of, block)
			return err
		})
		return out, err
	}), func(nonce uint64) uint64 { return nonce })
}

// AgreedHead returns the newest head that a sender anchored for an origin (its
// SHA-256) after a block, on which as many endpoints agree as have to.
func (n *Network) AgreedHead(ctx context.Context, by common.Address, origin [32]byte, block common.Hash) (contracts.HeadsHead, error) {
	return agreed(n, ask(ctx, n, func(ctx context.Context, e *endpoint) (contracts.HeadsHead, error) {
		return e.head(ctx, by, origin, block)
	}), func(h contracts.HeadsHead) contracts.HeadsHead { return h })
}

// OnChain reports whether a block is on the chain, as far as endpoints agree
// that it is or that it is not; else it returns an error.
func (n *Network) OnChain(ctx context.Context, number uint64, hash common.Hash) (bool, error) {
	answers := ask(ctx, n, func(ctx context.Context, e *endpoint) (bool, error) {
		h, err := e.byNumber(ctx, number)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil && h.Hash() == hash, err
	})
	return agreed(n, answers, func(yes bool) bool { return yes })
}

// Latest returns the header of the newest block whose number as many endpoints
// have reached as have to agree.
func (n *Network) Latest(ctx context.Context) (*types.Header, error) {
	return reached(n, ask(ctx, n, func(ctx context.Context, e *endpoint) (*types.Header, error) { return e.latest(ctx) }), byNumber)
}

// HeaderByNumber returns a header of the chain. It is what it hashes to; that it
// is on the chain is the word of one endpoint.
func (n *Network) HeaderByNumber(ctx context.Context, number uint64) (*types.Header, error) {
	return read(ctx, n, func(ctx context.Context, e *endpoint) (*types.Header, error) { return e.byNumber(ctx, number) })
}

// HeaderByHash returns the header with a hash.
func (n *Network) HeaderByHash(ctx context.Context, hash common.Hash) (*types.Header, error) {
	return read(ctx, n, func(ctx context.Context, e *endpoint) (*types.Header, error) { return e.byHash(ctx, hash) })
}

// one reads with a method of the client.
func one[T any](ctx context.Context, n *Network, f func(context.Context, *ethclient.Client) (T, error)) (T, error) {
	return read(ctx, n, func(ctx context.Context, e *endpoint) (out T, err error) {
		err = e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
			out, err = f(ctx, c)
			return err
		})
		return out, err
	})
}

// each asks all with a method of the client.
func each[T any](ctx context.Context, n *Network, f func(context.Context, *ethclient.Client) (T, error)) []said[T] {
	return ask(ctx, n, func(ctx context.Context, e *endpoint) (out T, err error) {
		err = e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
			out, err = f(ctx, c)
			return err
		})
		return out, err
	})
}

// Call returns what a call would return in the state after a block, the latest
// for the zero hash. RevertOf has the reason of a refusal.
func (n *Network) Call(ctx context.Context, msg ethereum.CallMsg, block common.Hash) ([]byte, error) {
	return read(ctx, n, func(ctx context.Context, e *endpoint) ([]byte, error) { return e.call(ctx, msg, block) })
}

func (e *endpoint) call(ctx context.Context, msg ethereum.CallMsg, block common.Hash) (out []byte, err error) {
	err = e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
		if block == (common.Hash{}) {
			out, err = c.CallContract(ctx, msg, nil)
		} else {
			out, err = c.CallContractAtHash(ctx, msg, block)
		}
		return err
	})
	return out, err
}

// Head returns the newest head that a sender anchored for an origin (its
// SHA-256), after a block, the latest for the zero hash.
func (n *Network) Head(ctx context.Context, by common.Address, origin [32]byte, block common.Hash) (contracts.HeadsHead, error) {
	return read(ctx, n, func(ctx context.Context, e *endpoint) (contracts.HeadsHead, error) {
		return e.head(ctx, by, origin, block)
	})
}

func (e *endpoint) head(ctx context.Context, by common.Address, origin [32]byte, block common.Hash) (contracts.HeadsHead, error) {
	c := contracts.NewAnchor()
	out, err := e.call(ctx, ethereum.CallMsg{To: &e.conf.contract, Data: c.PackHead(by, origin)}, block)
	if err != nil {
		return contracts.HeadsHead{}, err
	}
	if len(out) == 0 {
		return contracts.HeadsHead{}, nil // the contract was not there yet
	}
	h, err := c.UnpackHead(out)
	if err != nil || len(out) != 96 {
		return contracts.HeadsHead{}, lie{"gave something that is no head of the contract"}
	}
	return h, nil
}

// Code returns the code at an address.
func (n *Network) Code(ctx context.Context, at common.Address) ([]byte, error) {
	return one(ctx, n, func(ctx context.Context, c *ethclient.Client) ([]byte, error) { return c.CodeAt(ctx, at, nil) })
}

// Balance returns what an account has now, in wei, as far as as many endpoints
// say as have to agree.
func (n *Network) Balance(ctx context.Context, of common.Address) (*big.Int, error) {
	return reached(n, each(ctx, n, func(ctx context.Context, c *ethclient.Client) (*big.Int, error) { return c.BalanceAt(ctx, of, nil) }), (*big.Int).Cmp)
}

// Nonce returns how many transactions an account has on the chain, and how many
// with those that wait, as far as as many endpoints say as have to agree.
func (n *Network) Nonce(ctx context.Context, of common.Address) (mined, waiting uint64, err error) {
	mined, err = reached(n, each(ctx, n, func(ctx context.Context, c *ethclient.Client) (uint64, error) { return c.NonceAt(ctx, of, nil) }), cmp.Compare)
	if err == nil {
		waiting, err = reached(n, each(ctx, n, func(ctx context.Context, c *ethclient.Client) (uint64, error) { return c.PendingNonceAt(ctx, of) }), cmp.Compare)
	}
	return mined, max(mined, waiting), err
}

// maxLogCalls bounds into how many parts a range of blocks is cut.
const maxLogCalls = 1 << 14

// Logs returns the logs of the contract with these topics in the blocks from one
// to another, both included, in order. A range that an endpoint refuses is asked
// for in parts. That there are no more is the word of one endpoint.
func (n *Network) Logs(ctx context.Context, topics [][]common.Hash, from, to uint64) (out []types.Log, err error) {
	calls := 0
	var get func(from, to uint64) error
	get = func(from, to uint64) error {
		if calls++; calls > maxLogCalls {
			return fmt.Errorf("couldn't read the logs of the contract in %d calls: name an endpoint that gives more blocks at once", maxLogCalls)
		}
		logs, err := one(ctx, n, func(ctx context.Context, c *ethclient.Client) ([]types.Log, error) {
			logs, err := c.FilterLogs(ctx, ethereum.FilterQuery{
				FromBlock: new(big.Int).SetUint64(from), ToBlock: new(big.Int).SetUint64(to),
				Addresses: []common.Address{n.contract}, Topics: topics,
			})
			if err == nil && !slices.IsSortedFunc(logs, logOrder) {
				slices.SortStableFunc(logs, logOrder)
			}
			for i, l := range logs {
				if l.Address != n.contract || l.BlockNumber < from || l.BlockNumber > to || l.Removed || !fits(l.Topics, topics) || i > 0 && logOrder(logs[i-1], l) == 0 {
					return nil, lie{"gave logs that it was not asked for"}
				}
			}
			return logs, err
		})
		var r *refusal
		if from < to && (errors.As(err, &r) || errors.Is(err, errTooLong)) {
			middle := from + (to-from)/2
			if err := get(from, middle); err != nil {
				return err
			}
			return get(middle+1, to)
		}
		out = append(out, logs...)
		return err
	}
	if err := get(from, to); err != nil {
		return nil, err
	}
	return out, nil
}

func logOrder(a, b types.Log) int {
	return cmp.Or(cmp.Compare(a.BlockNumber, b.BlockNumber), cmp.Compare(a.Index, b.Index))
}

func fits(topics []common.Hash, want [][]common.Hash) bool {
	for i, any := range want {
		if len(any) > 0 && (i >= len(topics) || !slices.Contains(any, topics[i])) {
			return false
		}
	}
	return true
}

// anchoredTopic is what an event of the contract begins with.
var anchoredTopic = func() common.Hash {
	parsed, err := contracts.AnchorMetaData.ParseABI()
	if err != nil {
		panic(err) // it was generated
	}
	return parsed.Events[contracts.AnchorAnchoredEventName].ID
}()

// Events returns the anchors of a sender's origin (its SHA-256) in the blocks
// from one to another, both included, in order; those of one size, if that is
// not 0.
func (n *Network) Events(ctx context.Context, by common.Address, origin [32]byte, size, from, to uint64) (out []*contracts.AnchorAnchored, err error) {
	topics := [][]common.Hash{{anchoredTopic}, {common.BytesToHash(by[:])}, {origin}}
	if size > 0 {
		topics = append(topics, []common.Hash{common.BigToHash(new(big.Int).SetUint64(size))})
	}
	logs, err := n.Logs(ctx, topics, from, to)
	if err != nil {
		return nil, err
	}
	for i := range logs {
		e, err := contracts.NewAnchor().UnpackAnchoredEvent(&logs[i])
		if err != nil {
			return nil, fmt.Errorf("couldn't read an event of the contract: %w", err)
		}
		out = append(out, e)
	}
	return out, nil
}

// Receipt returns the receipt of a transaction that an endpoint has. It is
// ErrNotFound where as many as have to agree know none; while fewer can say,
// because they index, fail or rest, it is another error. What it says is the
// word of one endpoint.
func (n *Network) Receipt(ctx context.Context, tx common.Hash) (*types.Receipt, error) {
	answers := ask(ctx, n, func(ctx context.Context, e *endpoint) (r *types.Receipt, err error) {
		err = e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
			r, err = c.TransactionReceipt(ctx, tx)
			if err == nil && (r.TxHash != tx || r.BlockNumber == nil || !r.BlockNumber.IsUint64()) {
				return lie{"gave another receipt than it was asked for"}
			}
			return err
		})
		return r, err
	})
	unknown := 0
	var why error
	for _, a := range answers {
		switch {
		case a.err == nil:
			return a.value, nil
		case errors.Is(a.err, ErrNotFound):
			unknown++
		default:
			why = errors.Join(why, a.err)
		}
	}
	if unknown >= n.Agree {
		return nil, ErrNotFound
	}
	return nil, fmt.Errorf("couldn't learn whether transaction %v is in a block: %w", tx, why)
}

// Receipts returns the receipts of all transactions of a block. They are those
// that its header commits to; what JSON says of them besides is not.
func (n *Network) Receipts(ctx context.Context, block *types.Header) (types.Receipts, error) {
	return one(ctx, n, func(ctx context.Context, c *ethclient.Client) (types.Receipts, error) {
		receipts, err := c.BlockReceipts(ctx, rpc.BlockNumberOrHashWithHash(block.Hash(), false))
		if err != nil {
			return nil, err
		}
		hollow := func(r *types.Receipt) bool { return r == nil || slices.Contains(r.Logs, nil) }
		if slices.ContainsFunc(receipts, hollow) || types.DeriveSha(types.Receipts(receipts), trie.NewStackTrie(nil)) != block.ReceiptHash {
			return nil, lie{"gave receipts that are not those of the block: it has pruned them, the chain has rules that this program doesn't know, or it lies"}
		}
		return receipts, nil
	})
}

// agreedTx returns the hash of a transaction of a block, on which as many
// endpoints agree as have to.
func (n *Network) agreedTx(ctx context.Context, block common.Hash, index uint) (common.Hash, error) {
	return agreed(n, each(ctx, n, func(ctx context.Context, c *ethclient.Client) (common.Hash, error) {
		tx, err := c.TransactionInBlock(ctx, block, index)
		if err != nil {
			return common.Hash{}, err
		}
		return tx.Hash(), nil
	}), func(tx common.Hash) common.Hash { return tx })
}

// Price says what a unit of gas costs, in wei.
type Price struct {
	Base *big.Int // in the next block
	Tip  *big.Int // that the proposers of the last blocks got at the median
}

// feeBlocks is of how many blocks the median tip is taken.
const feeBlocks = 10

// Price returns what gas costs, as far as as many endpoints say as have to agree.
func (n *Network) Price(ctx context.Context) (p Price, err error) {
	answers := each(ctx, n, func(ctx context.Context, c *ethclient.Client) (Price, error) {
		h, err := c.FeeHistory(ctx, feeBlocks, nil, []float64{50})
		if err != nil {
			return Price{}, err
		}
		if len(h.BaseFee) == 0 || h.BaseFee[len(h.BaseFee)-1] == nil || h.BaseFee[len(h.BaseFee)-1].Sign() < 0 {
			return Price{}, lie{"says no base fee (EIP-1559), which is needed"}
		}
		p := Price{Base: h.BaseFee[len(h.BaseFee)-1], Tip: new(big.Int)}
		var tips []*big.Int
		for _, r := range h.Reward {
			if len(r) == 1 && r[0] != nil && r[0].Sign() > 0 {
				tips = append(tips, r[0])
			}
		}
		if len(tips) > 0 {
			slices.SortFunc(tips, (*big.Int).Cmp)
			p.Tip = tips[len(tips)/2]
		}
		return p, nil
	})
	base, err := reached(n, answers, func(a, b Price) int { return a.Base.Cmp(b.Base) })
	if err != nil {
		return Price{}, err
	}
	tip, err := reached(n, answers, func(a, b Price) int { return a.Tip.Cmp(b.Tip) })
	return Price{base.Base, tip.Tip}, err
}

// Estimate returns how much gas a call needs now, as far as as many endpoints
// say as have to agree. RevertOf has the reason of a refusal.
func (n *Network) Estimate(ctx context.Context, msg ethereum.CallMsg) (uint64, error) {
	return reached(n, each(ctx, n, func(ctx context.Context, c *ethclient.Client) (uint64, error) { return c.EstimateGas(ctx, msg) }), cmp.Compare)
}

// Send sends a signed transaction to all endpoints. It returns nil when one of
// them took it, or has it. That is a hint only, and so is an error.
func (n *Network) Send(ctx context.Context, raw []byte) error {
	var why error
	took := false
	for _, a := range ask(ctx, n, func(ctx context.Context, e *endpoint) (struct{}, error) {
		return struct{}{}, e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
			err := c.Client().CallContext(ctx, nil, "eth_sendRawTransaction", hexutil.Bytes(raw))
			if err != nil && ctx.Err() == nil {
				if _, _, known := c.TransactionByHash(ctx, hashOf(raw)); known == nil {
					return nil
				}
			}
			return err
		})
	}) {
		took = took || a.err == nil
		why = errors.Join(why, a.err)
	}
	if took {
		return nil
	}
	return why
}

func hexNumber(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }
