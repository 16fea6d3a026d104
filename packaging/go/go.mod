module github.com/OWNER/REPOSITORY/packaging/go

go 1.23
