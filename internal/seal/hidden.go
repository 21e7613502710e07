package seal

// hidden keeps a value out of sight of fmt, which finds unexported fields inside other
// values by reflection and calls no method on them: of a function it prints the
// address alone.
type hidden[T any] func() T

func hide[T any](v T) hidden[T] { return func() T { return v } }

// reveal is the value; the zero value if nothing was hidden.
func (h hidden[T]) reveal() (v T) {
	if h == nil {
		return v
	}
	return h()
}
