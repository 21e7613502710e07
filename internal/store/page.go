package store

import (
	"bytes"
	"encoding/binary"
)

// The parts of SQLite's file format that are needed to find what a page no longer uses
// (https://www.sqlite.org/fileformat2.html). A page has 4,096 bytes, the default of SQLite.
const (
	pageSize = 4096
	// fileHeaderSize is the size of the file's header, which page 1 begins with.
	fileHeaderSize = 100
	// maxPages is the number of pages from which the first byte of an overflow page, which is the top byte of a page
	// number, can be that of a B-tree page. That is 128 GiB.
	maxPages = 0x02000000
)

// The kinds of B-tree pages.
const (
	interiorIndex = 2
	interiorTable = 5
	leafIndex     = 10
	leafTable     = 13
)

var zeroPage [pageSize]byte

// gapOf returns the bytes between the cell pointers of a B-tree page and its cells, which the page does not use. It
// returns nil for other pages.
//
// When SQLite moves cells to another page to balance a tree, it leaves their bytes in this gap, also with
// secure_delete.
func gapOf(number uint32, page []byte) []byte {
	if len(page) != pageSize {
		return nil
	}
	header := 0
	if number == 1 {
		header = fileHeaderSize
	}
	pointers := header + 8
	switch page[header] {
	case interiorIndex, interiorTable:
		pointers += 4
	case leafIndex, leafTable:
	default:
		return nil
	}
	cells := int(binary.BigEndian.Uint16(page[header+3:]))
	content := int(binary.BigEndian.Uint16(page[header+5:]))
	if content == 0 {
		content = 65536 // how the format writes this number
	}
	end := pointers + 2*cells
	if content > pageSize || end > content {
		return nil // not a B-tree page
	}
	for at := pointers; at < end; at += 2 {
		if cell := int(binary.BigEndian.Uint16(page[at:])); cell < content || cell >= pageSize {
			return nil // not a B-tree page
		}
	}
	return page[end:content]
}

// isZero reports whether all bytes are zero. It takes at most a page.
func isZero(b []byte) bool { return bytes.Equal(b, zeroPage[:len(b)]) }

// A pageSet is a set of page numbers, one bit for each.
type pageSet []uint64

func (s *pageSet) add(number uint32) {
	for int(number/64) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[number/64] |= 1 << (number % 64)
}

// take removes up to n numbers from the set and returns them.
func (s *pageSet) take(n int) (numbers []uint32) {
	for i := range *s {
		for bit := uint32(0); (*s)[i] != 0 && bit < 64; bit++ {
			if (*s)[i]&(1<<bit) == 0 {
				continue
			}
			if len(numbers) == n {
				return numbers
			}
			(*s)[i] &^= 1 << bit
			numbers = append(numbers, uint32(i)*64+bit)
		}
	}
	return numbers
}

// beUint32 returns the number at an offset of a page.
func beUint32(page []byte, at int) uint32 { return binary.BigEndian.Uint32(page[at:]) }
