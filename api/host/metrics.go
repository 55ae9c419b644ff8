// SPDX-License-Identifier: Apache-2.0

package host

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// label is what tells the metrics of ledgers apart.
var label = "ledger"

// a gatherer gathers the metrics of several ledgers, each of which has a registry
// of its own, and so does not see those of the others.
type gatherer struct {
	mu     sync.Mutex // guards all below
	byName map[string]prometheus.Gatherer
}

// add adds the metrics of a ledger; "" is no ledger.
func (g *gatherer) add(name string, of prometheus.Gatherer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byName == nil {
		g.byName = map[string]prometheus.Gatherer{}
	}
	g.byName[name] = of
}

func (g *gatherer) remove(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.byName, name)
}

// Gather implements prometheus.Gatherer.
func (g *gatherer) Gather() ([]*dto.MetricFamily, error) {
	g.mu.Lock()
	var all prometheus.Gatherers
	for _, name := range slices.Sorted(maps.Keys(g.byName)) {
		all = append(all, labelled(name, g.byName[name]))
	}
	g.mu.Unlock()
	return all.Gather()
}

// labelled gathers with the name of a ledger at every metric.
func labelled(name string, of prometheus.Gatherer) prometheus.Gatherer {
	if name == "" {
		return of
	}
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := of.Gather()
		for _, f := range families {
			for _, m := range f.Metric {
				m.Label = append(m.Label, &dto.LabelPair{Name: &label, Value: &name})
				slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
			}
		}
		return families, err
	})
}
