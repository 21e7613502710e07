package server

import "golang.org/x/sys/windows"

// diskSpace returns how many bytes the server's user may still write to the disk of a folder, and how many the disk
// has.
func diskSpace(folder string) (free, total uint64, err error) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(path, &free, &total, nil)
	return free, total, err
}
