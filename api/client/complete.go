// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// ProveSubject returns evidence of all records of a subject and of that there
// are no others, or that there are none; see Prove for pointers, of which each
// record shows those that it has. Of a record of which something was erased
// nothing is disclosed. The evidence was verified under the policy, its verdict
// is not INVALID, and it covers every checkpoint that this client had seen.
func (c *Client) ProveSubject(ctx context.Context, kind, id string, pointers []string) (*proof.Evidence, error) {
	floor := c.Newest()
	b, err := c.get(ctx, fmt.Sprintf("/v1/subjects/%s/%s/evidence?disclose=%s", url.PathEscape(kind), url.PathEscape(id), disclosing(pointers)), maxLarge)
	if err != nil {
		return nil, err
	}
	e, err := proof.ParseEvidence(b)
	if err != nil {
		return nil, lie(-1, "%w", err)
	}
	if len(e.Complete) != 1 || e.Complete[0].Subject != kind+"/"+id {
		return nil, lie(-1, "the evidence claims nothing of the subject")
	}
	if err := c.holds(e); err != nil {
		return nil, err
	}
	for i := range e.Records {
		if err := atMost(&e.Records[i], pointers); err != nil {
			return nil, err
		}
	}
	_, err = c.accept(ctx, e.Checkpoint, floor)
	return e, err
}

// atMost keeps evidence from giving away more than its holder meant to.
func atMost(r *proof.Record, pointers []string) error {
	if pointers == nil {
		return nil
	}
	leaf, err := record.ParseLeaf(r.Entry)
	if err != nil {
		return err
	}
	for _, m := range r.Disclosures {
		d, err := seal.ParseDisclosure(m.Disclosure)
		if err != nil {
			return lie(r.Index, "%w", err)
		}
		restricted := leaf.Entry != nil && leaf.Entry.Type == record.TypeRestricted
		if !slices.Contains(pointers, d.Pointer) && !(restricted && d.Pointer == "/type") {
			return lie(r.Index, "the evidence discloses more than was asked for")
		}
	}
	return nil
}
