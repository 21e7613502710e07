// Package sampledata has invented data of one person, which a source can give instead of the data of a real person:
// for applications that are being developed, for demonstrations, and for the tests of what reads from sources.
//
// The data is in collections, such as "medical" or "finance". Each collection has the same sets: "default" is a
// history of a year or more, "test" is short, and the others meet with a problem while they are read. A collection
// belongs to no source: the catalogue says which of its sources have one.
//
// The objects are computed from small tables, relative to the time at which they are loaded, so that an application
// that asks for the last three months always finds some. Ids do not depend on the time: a set that is loaded again on
// another day has the same files and objects with later dates.
//
// Every person, care provider, shop, artist and friend in the data is invented. Addresses are below example.org.
package sampledata
