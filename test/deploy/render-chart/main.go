// Renders a Helm chart by what Helm itself stands on: Go's text/template with the functions of sprig, `include` and
// `toJson`. It is for the tests, on a machine without Helm: no dependencies of charts, no files, no capabilities.
//
//	main CHART.json VALUES.json TEMPLATES RELEASE NAMESPACE
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"text/template"

	"github.com/Masterminds/sprig"
)

func main() {
	must(render(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]))
}

func render(chartFile, valuesFile, folder, release, namespace string) error {
	chart, values := read(chartFile), read(valuesFile)
	data := map[string]interface{}{
		"Chart":   map[string]interface{}{"Name": chart["name"], "AppVersion": chart["appVersion"]},
		"Values":  values,
		"Release": map[string]interface{}{"Name": release, "Namespace": namespace, "Service": "Helm"},
	}
	root := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["include"] = func(name string, data interface{}) (string, error) {
		var out bytes.Buffer
		err := root.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	root.Funcs(functions)
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return err
	}
	sort.Strings(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := root.New(filepath.Base(file)).Parse(string(text)); err != nil {
			return err
		}
	}
	for _, file := range files {
		if filepath.Ext(file) != ".yaml" {
			continue
		}
		fmt.Println("---")
		if err := root.ExecuteTemplate(os.Stdout, filepath.Base(file), data); err != nil {
			return err
		}
	}
	return nil
}

func read(file string) map[string]interface{} {
	text, err := os.ReadFile(file)
	must(err)
	var object map[string]interface{}
	must(json.Unmarshal(text, &object))
	return object
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
