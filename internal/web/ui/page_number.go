package ui

import "strconv"

// maxPageNumber bounds the numbers of pages in addresses.
const maxPageNumber = 1_000_000

// ParsePageNumber reads the number of a page of a list from an address. Anything but a number is the first page.
func ParsePageNumber(s string) int {
	if n, err := strconv.Atoi(s); err == nil && n > 1 && n < maxPageNumber {
		return n
	}
	return 1
}
