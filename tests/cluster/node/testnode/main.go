// testnode is every Kubernetes program that a one-node test cluster needs, kubectl included, in one binary:
// one link step instead of five, and one file to cache.
//
// It is whatever it is called as (a symlink named kubectl is kubectl), else its first argument says what it is.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

const usageError = 2

func main() {
	if name := filepath.Base(os.Args[0]); name == "kubectl" {
		runKubectl()
		return
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: testnode PROGRAM [ARGUMENT...]")
		os.Exit(usageError)
	}
	name := os.Args[1]
	os.Args = os.Args[1:]
	switch name {
	case "kubectl":
		runKubectl()
	case "kube-apiserver":
		run(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		run(controllers.NewControllerManagerCommand())
	case "kube-scheduler":
		run(scheduler.NewSchedulerCommand())
	case "kubelet":
		run(kubelet.NewKubeletCommand(context.Background()))
	default:
		fmt.Fprintf(os.Stderr, "testnode: no program called %q\n", name)
		os.Exit(usageError)
	}
}

func run(program *cobra.Command) {
	os.Exit(cli.Run(program))
}

// runKubectl ends as kubectl's own main does: CheckErr turns the exit code of a remote command into ours.
func runKubectl() {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
