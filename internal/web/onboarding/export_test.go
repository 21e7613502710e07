package onboarding

// OrganizationKeys are the texts for the kinds of organisation.
var OrganizationKeys = organizationKeys
