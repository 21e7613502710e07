package sampledata

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// picture returns a drawing of an electrocardiogram.
func (b *builder) picture() File {
	const width, height, beat = 640, 200, 128
	paper := color.Palette{color.RGBA{255, 255, 255, 255}, color.RGBA{248, 205, 205, 255}, color.RGBA{20, 20, 60, 255}}
	img := image.NewPaletted(image.Rect(0, 0, width, height), paper)
	for y := range height {
		for x := range width {
			if x%20 == 0 || y%20 == 0 {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	last := 0
	for x := range width {
		y := height*3/5 - wave(x%beat)
		if x == 0 {
			last = y
		}
		for v := min(last, y); v <= max(last, y); v++ {
			img.SetColorIndex(x, v, 2)
			img.SetColorIndex(x, v+1, 2)
		}
		last = y
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		panic(fmt.Sprintf("sample data is not an image: %v", err)) // it has no input that could cause this
	}
	return b.raw("document-ecg", "ecg.png", "image", "image/png", practiceName, b.day(40, 11, 5), out.Bytes())
}

// waves are the parts of a heartbeat: where each has its highest point, how wide and how high it is.
var waves = []struct{ at, width, height int }{
	{24, 10, 12}, {44, 3, -10}, {49, 4, 90}, {54, 3, -22}, {84, 16, 20},
}

// wave returns the height of the line at a place in a heartbeat.
func wave(x int) (height int) {
	for _, w := range waves {
		if d := max(x-w.at, w.at-x); d < w.width {
			height += w.height * (w.width*w.width - d*d) / (w.width * w.width)
		}
	}
	return height
}
