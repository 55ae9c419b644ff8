// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/reconcile"
)

// A Status is how the ledger does. It is the server's word.
type Status struct {
	Size     int64     `json:"size"`     // leaves under the newest checkpoint
	Recorded time.Time `json:"recorded"` // of the newest record
	Now      time.Time `json:"now"`      // by the server's clock
	Refusing string    `json:"refusing"` // why events are not taken; "" while they are
	// LateAfter and WitnessInterval are what the genesis record promises, in
	// seconds: how late a live event is late, and the longest time between two
	// cosigned checkpoints.
	LateAfter       int64       `json:"lateAfterSeconds"`
	WitnessInterval int64       `json:"witnessIntervalSeconds"`
	Witnessing      *Witnessing `json:"witnessing"`  // nil where the server asks no witnesses
	Audit           *Auditing   `json:"audit"`       // nil where nothing is known of audits
	Certificate     *Expiry     `json:"certificate"` // nil where the server does not speak TLS
}

// Auditing is how the audits go that a server makes of its own ledger, and its
// operator.
type Auditing struct {
	Every   int64    `json:"everySeconds"` // 0 where the server makes none
	Running bool     `json:"running"`
	Done    int64    `json:"done"`    // records that the one under way has read
	Overdue bool     `json:"overdue"` // the last is more than twice Every ago
	Trouble string   `json:"trouble"` // why the last attempt came to no end; "" where it did
	Last    *Audited `json:"last"`    // nil before there is one
}

// Audited is an audit that came to an end.
type Audited struct {
	At       time.Time `json:"at"`
	Size     int64     `json:"size"`    // records that it covered
	Verdict  string    `json:"verdict"` // valid, invalid or incomplete
	Auditor  string    `json:"auditor"` // server or operator
	Deep     bool      `json:"deep"`
	Failed   []string  `json:"failed"` // the names of the checks that failed
	Findings int64     `json:"findings"`
	Record   int64     `json:"record"` // 0 where the ledger has none of it
}

// Expiry is when what a server shows in TLS ends.
type Expiry struct {
	Expires time.Time `json:"expires"`
	Roots   time.Time `json:"clientRootsExpire"` // zero where clients are asked for no certificate
	Refused bool      `json:"refused"`           // a new one can't be used, and this one is used on
}

// Feeds are which numbers of producers are missing among the records that the server
// has read so far, Size of Of.
type Feeds struct {
	Size       int64           `json:"size"`
	Of         int64           `json:"of"`
	Feeds      []reconcile.Gap `json:"feeds"`
	Unreadable int64           `json:"unreadable"` // records whose source can't be read any more
}

// Feeds returns which numbers of producers are missing. It is the server's word.
func (c *Client) Feeds(ctx context.Context) (*Feeds, error) {
	b, err := c.get(ctx, "/v1/feeds", maxLarge)
	if err != nil {
		return nil, err
	}
	var f Feeds
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, lie(-1, "what it says of feeds cannot be read")
	}
	return &f, nil
}

// Witnessing is how the witnesses do that a server asks. Size and At are of the
// newest checkpoint that a quorum cosigned; both are zero before there is one.
type Witnessing struct {
	Size      int64     `json:"size"`
	At        time.Time `json:"at"`
	Overdue   bool      `json:"overdue"`
	Witnesses []Witness `json:"witnesses"`
}

// A Witness is how one of them does. The counts are since the server was started.
type Witness struct {
	Name     string    `json:"name"`
	At       time.Time `json:"at"` // of its last cosignature; zero for none since the start
	Cosigned int64     `json:"cosigned"`
	Failures int64     `json:"failures"`
	Failing  string    `json:"failing"` // why it failed the last time; "" when it did not
}

// Status returns how the ledger does.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	b, err := c.get(ctx, "/v1/status", maxSmall)
	if err != nil {
		return nil, err
	}
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, lie(-1, "its status cannot be read")
	}
	return &s, nil
}

// CosignedBefore returns up to limit checkpoints of the server's archive of cosigned
// ones whose sizes are below one, the largest first. Keys of the policy signed each;
// whose cosignatures they have is not verified.
func (c *Client) CosignedBefore(ctx context.Context, size int64, limit int) ([]Checkpoint, error) {
	b, err := c.get(ctx, fmt.Sprintf("/v1/checkpoints?before=%d&limit=%d", size, limit), maxLarge)
	if err != nil {
		return nil, err
	}
	var d struct {
		Checkpoints []struct {
			Checkpoint string `json:"checkpoint"`
		} `json:"checkpoints"`
	}
	if err := json.Unmarshal(b, &d); err != nil || len(d.Checkpoints) > limit {
		return nil, lie(-1, "its list of checkpoints cannot be read")
	}
	var list []Checkpoint
	for _, listed := range d.Checkpoints {
		note := []byte(listed.Checkpoint)
		cp, err := c.signed(ctx, note)
		if err != nil {
			return nil, err
		}
		if cp.Size >= size {
			return nil, lie(-1, "it lists a checkpoint of %d records, and fewer than %d were asked for", cp.Size, size).with(note)
		}
		size = cp.Size
		list = append(list, Checkpoint{cp, note})
	}
	return list, nil
}
