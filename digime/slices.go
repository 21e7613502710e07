package digime

// The types of this package and those of package wire differ in the types of ids and times. A nil list stays nil,
// because the wire distinguishes it from an empty one.

// mapAll returns the results of f for each element of the list.
func mapAll[A, B any](list []A, f func(A) B) []B {
	if list == nil {
		return nil
	}
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// convertTexts converts the elements of a list of texts.
func convertTexts[B, A ~string](list []A) []B { return mapAll(list, func(v A) B { return B(v) }) }

// convertNumbers converts the elements of a list of numbers.
func convertNumbers[B, A ~int](list []A) []B { return mapAll(list, func(v A) B { return B(v) }) }
