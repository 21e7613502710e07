package library

// SetSearchBounds bounds what is looked at for one page of a search: so many files, read so many at a time. Call it
// before any use.
func (f *Files) SetSearchBounds(rows, batch int) {
	f.searchBounds.rows, f.searchBounds.batch = rows, batch
}

// The bounds of one page of a search.
const (
	DecodeCost = decodeCost
)

// MaxSearchRows and MaxSearchBytes are the bounds that a program has.
func MaxSearchRows() int  { return defaultSearchBounds.rows }
func MaxSearchBytes() int { return defaultSearchBounds.bytes }
