// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// random returns items with names out of a few, some of them common and some
// rare.
func random(rng *rand.Rand, n, different int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i].Time = noTime
		if rng.IntN(8) > 0 {
			items[i].Time = int64(rng.IntN(1000)) - 500
		}
		for range rng.IntN(12) {
			d := rng.IntN(1 + rng.IntN(different))
			name := Name(1 + uint64(d)*0x12345678abcdef>>1)
			if d%3 == 0 {
				name = KeyName(int64(d))
			}
			items[i].Names = append(items[i].Names, name)
		}
	}
	return items
}

// find returns the places of the items that have any of the names, by the rows.
func find(t testing.TB, names, lists []byte, want ...Name) []int {
	t.Helper()
	slices.Sort(want)
	n, err := ParseNames(names)
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := n.Find(want)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Union(lists, numbers)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(set.Places(false))
}

func TestRowsFindWhatTheItemsHave(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 700, Segment} {
		for _, different := range []int{1, 40, 5000} {
			items := random(rng, n, different)
			names, lists := Encode(items)
			again, _ := Encode(slices.Clone(items))
			if !slices.Equal(names, again) {
				t.Fatal("the same items give other rows")
			}
			for range 50 {
				want := []Name{KeyName(int64(rng.IntN(different))), Name(1 + uint64(rng.IntN(different))*0x12345678abcdef>>1)}
				var places []int
				for i, it := range items {
					if slices.ContainsFunc(it.Names, func(n Name) bool { return slices.Contains(want, n) }) {
						places = append(places, i)
					}
				}
				if d := cmp.Diff(places, find(t, names, lists, want...)); d != "" {
					t.Fatalf("%d items, %d names: %s", n, different, d)
				}
				slices.Sort(want)
				set := Search(items, want)
				if down := slices.Collect(set.Places(true)); len(down) != len(places) || !slices.IsSortedFunc(down, func(a, b int) int { return b - a }) {
					t.Fatalf("the memory finds %v, want %v downwards", down, places)
				}
			}
		}
	}
}

// Records with too many names, or in a segment with too many, are candidates of
// every search.
func TestTooManyNames(t *testing.T) {
	items := make([]Item, Segment)
	for i := range items {
		items[i] = Item{Time: noTime, Names: []Name{5}}
		for k := range 20 {
			items[i].Names = append(items[i].Names, Name(1000+20*i+k))
		}
	}
	names, lists := Encode(items)
	if n, err := ParseNames(names); err != nil || n.count > maxSegmentNames {
		t.Fatalf("%d names: %v", n.count, err)
	}
	last := Segment - 1
	got := find(t, names, lists, anything, Name(1000+20*last))
	if !slices.Contains(got, last) {
		t.Errorf("record %d is not found by its name", last)
	}
	if len(names)+len(lists) > 512<<10 {
		t.Errorf("the rows have %d bytes", len(names)+len(lists))
	}
}

func TestListsTakeTheShorterForm(t *testing.T) {
	for every, most := range map[int]int{1: Segment/8 + 3, 3: Segment/8 + 3, 64: Segment/64 + 3, 4095: 6} {
		var items []Item
		for i := range Segment {
			it := Item{Time: noTime}
			if i%every == 0 {
				it.Names = []Name{7}
			}
			items = append(items, it)
		}
		if _, lists := Encode(items); len(lists) > most {
			t.Errorf("every %dth: %d bytes, want at most %d", every, len(lists), most)
		}
	}
}

// What names and rows are made of is in stores: another byte, and they are
// damaged.
func TestGoldenRows(t *testing.T) {
	names := fmt.Sprintf("%x %x %x %x", uint64(valueName("type", "decision.made")), uint64(memberName("type", "decision.made")), uint64(dayName(1767600000000)), uint64(KeyName(7)))
	row, lists := Encode([]Item{{Names: []Name{300, 9, KeyName(7)}, Time: 5}, {Names: []Name{9}, Time: -2}, {Time: noTime}})
	if got, want := fmt.Sprintf("%s\n%x\n%x", names, row, lists), golden; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const golden = `225f2589faeb613 37f0f8b318dd39cc 1fc04bdbb3fc4126 8000000000000007
030a0309a302dbfdffffffffffff7f
04000102000200`

func FuzzRows(f *testing.F) {
	names, lists := Encode(random(rand.New(rand.NewPCG(3, 4)), 300, 30))
	f.Add(names, lists, uint64(7))
	f.Add([]byte{2, 0, 1, 5}, []byte{2, 200, 31}, uint64(5))
	f.Add([]byte{}, []byte{}, uint64(0))
	f.Fuzz(func(t *testing.T, names, lists []byte, name uint64) {
		n, err := ParseNames(names)
		if err != nil {
			return
		}
		numbers, err := n.Find([]Name{Name(name)})
		if err != nil {
			return
		}
		if len(numbers) > 1 || len(numbers) == 1 && uint64(numbers[0]) >= n.count {
			t.Fatalf("one name is found %v times of %d", numbers, n.count)
		}
		set, err := Union(lists, numbers)
		if err == nil && len(numbers) == 0 && set.Len() > 0 {
			t.Fatal("no list has records")
		}
	})
}
