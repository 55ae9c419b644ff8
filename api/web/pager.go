// SPDX-License-Identifier: Apache-2.0

package web

import (
	"maps"
	"net/url"
	"strconv"
)

// A pager is the way through a long list, which the address says: all but "from", the
// number of the first item that is shown.
type pager struct {
	Skip  int   // items that come before
	Shown int   // items that are shown
	Of    int64 // items that there are
	step  int   // items on a page that is full
	asked url.Values
}

// newPager reads where a list begins.
func newPager(asked url.Values, step int) (p pager, err error) {
	p = pager{step: step, asked: maps.Clone(asked)}
	if from := asked.Get("from"); from != "" {
		n, err := strconv.ParseInt(from, 10, 32)
		if err != nil || n < 1 {
			return p, errMissing
		}
		p.Skip = int(n - 1)
	}
	for _, name := range []string{"from", "again", "lang"} {
		p.asked.Del(name)
	}
	return p, nil
}

// First and Last are the numbers of the items that are shown.
func (p pager) First() int { return p.Skip + 1 }
func (p pager) Last() int  { return p.Skip + p.Shown }

// Earlier and Later are the addresses of the pages beside this one, "" for none. What is
// shown may end before all that there is: a page that is not full is the last one.
func (p pager) Earlier() string {
	if p.Skip == 0 {
		return ""
	}
	return p.from(max(0, p.Skip-p.step))
}

func (p pager) Later() string {
	if int64(p.Last()) >= p.Of || p.Shown < p.step {
		return ""
	}
	return p.from(p.Last())
}

// from is the address of the page that leaves out so many items.
func (p pager) from(skip int) string {
	q := maps.Clone(p.asked)
	if skip > 0 {
		q.Set("from", strconv.Itoa(skip+1))
	}
	return "?" + q.Encode()
}
