// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"math"
	"slices"
)

// A frame is the axes of a chart whose rows go from left to right and whose
// numbers go up from zero.
type frame struct {
	left, right, top, bottom float64
	rows                     int
	most                     float64 // at the top
	inset                    float64 // of the first and the last row from the edge
}

const plotHeight = 180.0

// axes writes the axes below top for numbers up to most, leaving room at the right.
func (w *drawing) axes(d *Data, top, room, most float64, columns bool) frame {
	ticks := ticksTo(most, d.whole())
	f := frame{top: top, bottom: top + plotHeight, right: width - room, rows: len(d.Rows), most: ticks[len(ticks)-1]}
	if d.Unit != "" {
		w.text(0, top-lineStep/2-2, "start", "unit", d.Unit)
	}
	for _, t := range ticks {
		f.left = math.Max(f.left, textWidth(d.tick(t)))
	}
	f.left = math.Min(f.left+8, width/2)
	if f.inset = 6; columns {
		f.inset = (f.right - f.left) / float64(2*f.rows)
	}
	for _, t := range ticks {
		class := "grid"
		if t == 0 {
			class = "axis"
		}
		w.line(class, f.left, f.y(t), f.right, f.y(t))
		w.text(f.left-6, f.y(t)+4.5, "end", "tick", d.tick(t))
	}
	w.rowLabels(d, f)
	return f
}

// rowLabels writes as many of the rows' labels as there is room for, the last
// row's in any case: it is what is asked for most.
func (w *drawing) rowLabels(d *Data, f frame) {
	wide := 0.0
	for _, label := range d.Rows {
		wide = math.Max(wide, textWidth(label))
	}
	stride := 1
	if f.rows > 1 {
		stride = max(1, int(math.Ceil((wide+12)/(f.x(1)-f.x(0)))))
	}
	free := math.Inf(1) // to the right of this there is a label
	for i := f.rows - 1; i >= 0; i -= stride {
		// The outer ones stay within the picture.
		x := math.Max(wide/2, math.Min(f.x(i), width-wide/2))
		if x+wide/2+8 > free {
			continue
		}
		free = x - wide/2
		w.line("axis", f.x(i), f.bottom, f.x(i), f.bottom+4)
		w.text(x, f.bottom+lineStep, "middle", "tick", d.Rows[i])
	}
}

// height is that of the whole picture.
func (f frame) height() float64 { return f.bottom + lineStep + 6 }

func (f frame) x(row int) float64 {
	if f.rows < 2 {
		return (f.left + f.right) / 2
	}
	return f.left + f.inset + float64(row)*(f.right-f.left-2*f.inset)/float64(f.rows-1)
}

// y is where a number is; one below zero is at zero.
func (f frame) y(v float64) float64 { return f.bottom - above(v)/f.most*(f.bottom-f.top) }

// least is what counts as nothing on an axis.
const least = 1e-9

// ticksTo returns round numbers from zero up to the first that is not below most.
func ticksTo(most float64, whole bool) []float64 {
	if !(most > least) {
		most = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(most/4)))
	for _, m := range []float64{1, 2, 5, 10} {
		if most/(m*step) <= 5 {
			step *= m
			break
		}
	}
	if whole {
		step = math.Max(1, step)
	}
	ticks := []float64{0}
	for i := 1; ticks[len(ticks)-1] < most; i++ {
		ticks = append(ticks, float64(i)*step)
	}
	return ticks
}

// spread moves labels, which are at heights, apart to at least a line each, and
// keeps them between top and bottom where there is room. It returns where each
// goes.
func spread(heights []float64, top, bottom float64) []float64 {
	order := make([]int, len(heights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case heights[a] < heights[b]:
			return -1
		case heights[a] > heights[b]:
			return 1
		}
		return 0
	})
	out := slices.Clone(heights)
	floor := top
	for _, i := range order {
		out[i] = math.Max(out[i], floor)
		floor = out[i] + lineStep - 2
	}
	ceiling := bottom
	for _, i := range slices.Backward(order) {
		out[i] = math.Min(out[i], ceiling)
		ceiling = out[i] - lineStep + 2
	}
	return out
}
