// SPDX-License-Identifier: Apache-2.0

// Package redact keeps secrets and personal values out of a log.
//
// Two nets hang one behind the other. An attribute passes only if its name is known,
// and with it what it can hold; whatever is a structure, or bytes, does not pass at
// all. And out of every text that passes, errors included, is taken what looks like
// a secret. A personal value looks like nothing: the first net alone keeps those, and
// the rule that no error holds one.
package redact

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// known are the attributes that pass. Whoever adds one has made sure that it never
// holds what was submitted, nor what a client chose but for its request id.
var known = names(`
	after ahead alarm block bytes check cosigned error evidence expires file findings from hash
	issuer key kept kind ledger limit method origin page path promised reason record
	records request route since size stack status store target testnet to took tx types why witness`)

func names(list string) map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(list) {
		names[name] = true
	}
	return names
}

// New returns a handler that hands to another what may be logged.
func New(next slog.Handler) slog.Handler { return &handler{next} }

type handler struct{ next slog.Handler }

// Enabled implements [slog.Handler].
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.next.WithAttrs(all(attrs))}
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.next.WithGroup(Text(name))}
}

func all(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = attr(a)
	}
	return clean
}

// attr returns what passes of an attribute.
func attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		return slog.Attr{Key: Text(a.Key), Value: slog.GroupValue(all(v.Group())...)}
	case !known[a.Key]:
		return slog.String(Text(a.Key), "(withheld)")
	case v.Kind() == slog.KindString:
		return slog.String(a.Key, Text(v.String()))
	case v.Kind() == slog.KindAny:
		return slog.String(a.Key, printed(v.Any()))
	}
	return slog.Attr{Key: a.Key, Value: v} // a number, a time, a truth value
}

// printed is what passes of a value that knows how it is printed. What does not is
// withheld: fmt would print all that is in it.
func printed(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case error:
		return Text(safely(v.Error))
	case fmt.Stringer:
		return Text(safely(v.String))
	}
	return fmt.Sprintf("(withheld %T)", v)
}

// safely prints a value that may panic when it is nil inside.
func safely(print func() string) (s string) {
	defer func() {
		if recover() != nil {
			s = "(withheld)"
		}
	}()
	return print()
}
