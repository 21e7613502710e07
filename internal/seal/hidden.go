package seal

// hidden keeps a value out of sight of fmt, which finds unexported fields inside other
// values by reflection and calls no method on them: of a function it prints the
// address alone.
type masked[T any] func() T

func maskedOf[T any](v T) masked[T] { return func() T { return v } }

// reveal is the value; the zero value if nothing was hidden.
func (h masked[T]) value() (v T) {
	if h == nil {
		return v
	}
	return h()
}
