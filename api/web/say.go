// SPDX-License-Identifier: Apache-2.0

package web

// say returns a text in the language of the visit, for what is not put together
// by a template: the names in a chart. Where there is none the page fails.
func (v *visit) say(name string, values ...any) string {
	text, err := v.texts[v.lang].say(name, values...)
	if err != nil {
		v.unsaid = err
	}
	return text
}
