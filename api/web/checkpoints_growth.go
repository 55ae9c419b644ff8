// SPDX-License-Identifier: Apache-2.0

package web

import (
	"html/template"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/api/web/chart"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/record"
)

// A growth is how many records there were when, as a chart and its table.
type growth struct {
	Chart, Table template.HTML
	Witnessed    bool // by the clocks of witnesses, and else by the ledger's
}

// growthPoints are how many sizes are looked at.
const growthPoints = 24

// A grown is how many records there were at a time, at least.
type grown struct {
	at   time.Time
	size int64
}

// growth looks at sizes that lie evenly apart: when witnesses cosigned them, or,
// where none has cosigned enough, when the last record of each was recorded.
func (v *visit) growth(c *client.Client, size int64) (*growth, error) {
	var points []grown
	for k := int64(1); k <= growthPoints; k++ {
		list, err := c.CosignedBefore(v.ctx(), size*k/growthPoints+1, 1)
		if err != nil {
			return nil, err
		}
		if len(list) == 1 {
			points = appendGrown(points, grown{newCosigned(list[0]).At(), list[0].Size})
		}
	}
	witnessed := len(points) > 1
	if !witnessed && v.May(access.LogRead) {
		points = nil
		for k := int64(1); k <= growthPoints; k++ {
			p, err := v.recordedBefore(c, size*k/growthPoints)
			if err != nil {
				return nil, err
			}
			points = appendGrown(points, p)
		}
	}
	if len(points) < 2 {
		return nil, nil
	}
	return v.drawGrowth(points, witnessed), nil
}

// appendGrown adds a point unless it is the last one again, or has no time.
func appendGrown(points []grown, p grown) []grown {
	if p.at.IsZero() || len(points) > 0 && points[len(points)-1].size >= p.size {
		return points
	}
	return append(points, p)
}

// recordedBefore returns when the last record of a tree of so many leaves was
// recorded. An index-root has no time, so it looks a few leaves back.
func (v *visit) recordedBefore(c *client.Client, size int64) (grown, error) {
	for index := size - 1; index >= 0 && index > size-4; index-- {
		at, err := v.recordedAt(c, index)
		if err != nil || !at.IsZero() {
			return grown{at, index + 1}, err
		}
	}
	return grown{}, nil
}

func (v *visit) recordedAt(c *client.Client, index int64) (time.Time, error) {
	e, err := c.Prove(v.ctx(), index, []string{})
	if err != nil {
		return time.Time{}, err
	}
	leaf, err := record.ParseLeaf(e.Records[0].Entry)
	if err != nil || leaf.Entry == nil {
		return time.Time{}, err
	}
	return leaf.Entry.Recorded, nil
}

// drawGrowth makes a chart of points that lie apart in size: of each of as many times,
// evenly apart, the size that is known to have been reached.
func (v *visit) drawGrowth(points []grown, witnessed bool) *growth {
	first, last := points[0].at, points[len(points)-1].at
	layout := "2006-01-02"
	if last.Sub(first) < 48*time.Hour {
		layout = "2006-01-02 15:04:05"
	}
	d := chart.Data{
		ID: "growth", Title: v.say("checkpoints.growth"), Desc: v.say("checkpoints.growth.desc", "n", points[len(points)-1].size, "time", last.UTC().Format(layout)),
		By: v.say("checkpoints.growth.by"),
	}
	sizes := chart.Series{Name: v.say("checkpoints.growth.records")}
	at := 0
	for k := range growthPoints {
		t := first.Add(last.Sub(first) / (growthPoints - 1) * time.Duration(k))
		if k == growthPoints-1 {
			t = last
		}
		for at+1 < len(points) && !points[at+1].at.After(t) {
			at++
		}
		d.Rows = append(d.Rows, t.UTC().Format(layout))
		sizes.Values = append(sizes.Values, float64(points[at].size))
	}
	d.Series = []chart.Series{sizes}
	return &growth{Chart: chart.Steps(d), Table: d.Table(), Witnessed: witnessed}
}
