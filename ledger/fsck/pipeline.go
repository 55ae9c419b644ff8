// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"
)

// inOrder does the work of every job, several at a time, and hands the results
// to consume in the order of the jobs. At most a few jobs for each worker are
// held in memory.
func inOrder[J, R any](ctx context.Context, workers int, jobs iter.Seq[J], work func(context.Context, J) R, consume func(R) error) error {
	type task struct {
		job J
		out chan R
	}
	g, ctx := errgroup.WithContext(ctx)
	todo := make(chan task)
	waiting := make(chan chan R, 4*workers)
	g.Go(func() error {
		defer close(todo)
		defer close(waiting)
		for j := range jobs {
			t := task{j, make(chan R, 1)}
			select {
			case waiting <- t.out:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case todo <- t:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			for t := range todo {
				t.out <- work(ctx, t.job)
			}
			return nil
		})
	}
	g.Go(func() error {
		for out := range waiting {
			select {
			case r := <-out:
				if err := consume(r); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return g.Wait()
}
