// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// every is the time between two plain lines of progress.
const every = 10 * time.Second

// Progress shows how far a long step is: a moving bar on a terminal,
// elsewhere one plain line every ten seconds, and nothing with JSON or Quiet.
// Its methods may be called concurrently.
type Progress struct {
	console *Console
	now     func() time.Time

	mu    sync.Mutex // guards all below
	step  string
	begun time.Time // of the step
	last  time.Time // of the last line
	bar   *progressbar.ProgressBar
}

// Progress returns a new display.
func (c *Console) Progress() *Progress { return &Progress{console: c, now: time.Now} }

// Set tells how much of a step is done; a total of 0 means that it is not
// known. Its form is that of ledger.Options.Progress.
func (p *Progress) Set(step string, done, total int64) {
	if p.console.JSON || p.console.Quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if step != p.step {
		p.finish()
		p.step, p.begun, p.last = step, now, now
	}
	if p.console.Live {
		p.move(done, total)
		return
	}
	if now.Sub(p.last) < every {
		return
	}
	p.last = now
	if total <= 0 {
		fmt.Fprintf(p.console.Err, "%s: %s\n", step, Count(done))
		return
	}
	left := "?"
	if done > 0 {
		left = time.Duration(float64(now.Sub(p.begun)) / float64(done) * float64(total-done)).Round(time.Second).String()
	}
	fmt.Fprintf(p.console.Err, "%s: %s of %s (%d%%), %s left\n", step, Count(done), Count(total), done*100/total, left)
}

// move moves the bar. Its errors are of writing to the terminal, which
// nobody would see.
func (p *Progress) move(done, total int64) {
	if total <= 0 {
		total = -1
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.console.Err),
			progressbar.OptionSetDescription(p.step),
			progressbar.OptionSetWidth(24),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionEnableColorCodes(false),
		)
	}
	if total != p.bar.GetMax64() && total > 0 {
		p.bar.ChangeMax64(total)
	}
	_ = p.bar.Set64(done)
}

// Done removes the bar.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	p.step = ""
}

func (p *Progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
